"""A model's earlier windows and trainings, read from the ledger and the registry.

Pure. Ledger entries come oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from airworthy.handover import DriftDecision, WindowSignals
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AliasMove,
    ApprovalAnswered,
    GuardTrip,
    Registration,
    RetrainingDecision,
    VerdictReached,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.ledger.version_numbers import entries_about, reused_numbers
from airworthy.registry.tags import AS_OF, REASON, VALIDATION_STATUS


@dataclass(frozen=True)
class TrainedVersion:
    """A registered version.

    Attributes:
        version: Its number.
        as_of: The `as_of` of its training, in UTC.
        reason: The reason of its run.
        approved: Whether it passed its gates.
    """

    version: int
    as_of: datetime
    reason: str
    approved: bool


def trained_versions(tags: Mapping[str, Mapping[str, str]]) -> list[TrainedVersion]:
    """Return the versions of the register stage from their tags, oldest first.

    Backfills are left out: they train on old data, and no decision triggered them.
    """
    registered = {int(version): values for version, values in tags.items() if AS_OF in values}
    versions = [
        TrainedVersion(
            version,
            datetime.fromisoformat(values[AS_OF]),
            values.get(REASON, ""),
            values.get(VALIDATION_STATUS) == "approved",
        )
        for version, values in sorted(registered.items())
    ]
    return [version for version in versions if version.reason != "backfill"]


def decisions(entries: Iterable[Entry]) -> list[DriftDecision]:
    """Return all decisions of the monitor, in the ledger's order."""
    return [entry.event.decision for entry in of_kind(entries, RetrainingDecision)]


def find_decision(entries: Iterable[Entry], window_end: datetime) -> DriftDecision | None:
    """Return the first conclusive decision on a window; None if there is none.

    More rows or labels do not change it later.
    """
    on_window = (each for each in decisions(entries) if each.window_end == window_end)
    return next((each for each in on_window if each.outcome != "inconclusive"), None)


def triggering_entry(entries: Iterable[Entry], run_id: str) -> str | None:
    """Return the id of the ledger entry with the decision behind a run; None without one."""
    triggers = (
        entry.entry_id
        for entry in of_kind(entries, RetrainingDecision)
        if entry.event.decision.train_run_id == run_id
    )
    return next(triggers, None)


def earlier_windows(
    entries: Sequence[Entry], champion: str, window_end: datetime
) -> list[WindowSignals]:
    """Return the signals of a champion's earlier windows, by time.

    Args:
        entries: The model's ledger. The last decision on each window counts.
        champion: The champion's version.
        window_end: Only windows that end before this moment are returned.
    """
    signals = {
        each.window_end: WindowSignals(
            end=each.window_end, champion=each.champion, signals=each.signals
        )
        for each in decisions(entries_about(entries, champion))
        if each.champion == champion and each.window_end < window_end
    }
    return [window for _, window in sorted(signals.items())]


def blind_windows(entries: Iterable[Entry], window_end: datetime) -> list[datetime]:
    """Return the ends of the newest windows in a row in which nothing could be judged, by time.

    Windows without a champion end the row.

    Args:
        entries: The model's ledger.
        window_end: Only windows that end before this moment are returned.
    """
    blind = {
        each.window_end: each.outcome == "inconclusive" and each.champion is not None
        for each in decisions(entries)
        if each.window_end < window_end
    }
    newest_first = sorted(blind, reverse=True)
    return sorted(takewhile(lambda end: blind[end], newest_first))


def last_retrained(entries: Iterable[Entry], versions: Sequence[TrainedVersion]) -> datetime | None:
    """Return the latest `as_of` of a training, or the latest window end that triggered one.

    None without any training.
    """
    triggered = [each.window_end for each in decisions(entries) if each.trigger]
    return max([*triggered, *(version.as_of for version in versions)], default=None)


def refused_in_a_row(entries: Sequence[Entry], versions: Sequence[TrainedVersion]) -> int:
    """Return the number of newest versions refused in a row: by gates, a person, or the guard.

    A refused training that followed up an earlier one is left out: it is made however quiet the
    monitor is, so its refusal says only that the champion is still as good.
    """
    refused = _refused_in_release(entries)
    following = {
        (each.train_as_of, each.reason)
        for each in decisions(entries)
        if each.trigger and each.follows is not None
    }
    count = 0
    for version in reversed(versions):
        if version.approved and str(version.version) not in refused:
            break
        count += (version.as_of, version.reason) not in following
    return count


def champion_failing(entries: Sequence[Entry], champion: str | None) -> list[str]:
    """Return the gates that the champion failed in the last verdict against it.

    They come with its figures.
    """
    verdicts = of_kind(entries_about(entries, champion), VerdictReached)
    against = [entry.event for entry in verdicts if champion and entry.event.champion == champion]
    return against[-1].champion_failing if against else []


def _refused_in_release(entries: Sequence[Entry]) -> set[str]:
    """Return the versions whose last release event is a refusal by a person or a guard trip."""
    refused: dict[str, bool] = {}
    reused = reused_numbers(entries)
    for entry in of_kind(entries, ApprovalAnswered, GuardTrip, AliasMove, Registration):
        match entry.event:
            case ApprovalAnswered(version=version, decision=decision):
                refused[version] = decision != "approve"
            case GuardTrip(version=version):
                refused[version] = True
            case AliasMove(to=version):
                refused[version] = False
            case Registration(version=version) if entry.sequence in reused:
                refused[version] = False
    return {version for version, is_refused in refused.items() if is_refused}
