"""What ledger and registry remember of a model's monitoring and trainings. Pure: entries come oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from airworthy.handover import DriftDecision, WindowSignals
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, ApprovalAnswered, GuardTrip, RetrainingDecision
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.tags import AS_OF, REASON, VALIDATION_STATUS


@dataclass(frozen=True)
class Trained:
    """A registered version: up to when its training saw data, why it ran, and what its gates said."""

    version: int
    as_of: datetime
    reason: str
    approved: bool


def trained_versions(tags: Mapping[str, Mapping[str, str]]) -> list[Trained]:
    """Return the versions that the register stage made, oldest first, from their tags.

    Backfills are left out: they look at the past, and no decision asked for them.
    """
    known = {int(version): each for version, each in tags.items() if AS_OF in each}
    found = [
        Trained(
            version,
            datetime.fromisoformat(each[AS_OF]),
            each.get(REASON, ""),
            each.get(VALIDATION_STATUS) == "approved",
        )
        for version, each in sorted(known.items())
    ]
    return [each for each in found if each.reason != "backfill"]


def decisions(entries: Iterable[Entry]) -> list[DriftDecision]:
    """Return every decision of the monitor, in the order in which they were made."""
    return [entry.event.decision for entry in of_kind(entries, RetrainingDecision)]


def decided(entries: Iterable[Entry], window_end: datetime) -> DriftDecision | None:
    """Return the decision on a window, if there was anything to decide: more rows or labels do not change it."""
    found = (each for each in decisions(entries) if each.window_end == window_end)
    return next((each for each in found if each.outcome != "inconclusive"), None)


def cause_of(entries: Iterable[Entry], run_id: str) -> str | None:
    """Return the id of the ledger's entry with the decision that asked for a run; None: none did."""
    found = of_kind(entries, RetrainingDecision)
    return next(
        (entry.entry_id for entry in found if entry.event.decision.train_run_id == run_id), None
    )


def windows_before(
    entries: Iterable[Entry], champion: str, window_end: datetime
) -> list[WindowSignals]:
    """Return what the signals said of earlier windows about this champion, by time; the last word on each counts."""
    found = [
        WindowSignals(end=each.window_end, champion=each.champion, signals=each.signals)
        for each in decisions(entries)
        if each.champion == champion and each.window_end < window_end
    ]
    return [window for _, window in sorted({window.end: window for window in found}.items())]


def last_retrained(entries: Iterable[Entry], trained: Sequence[Trained]) -> datetime | None:
    """Return up to when the newest training saw data, or for which window one was asked for; None: there was none."""
    asked = [each.window_end for each in decisions(entries) if each.trigger]
    return max([*asked, *(each.as_of for each in trained)], default=None)


def refused_in_a_row(entries: Sequence[Entry], trained: Sequence[Trained]) -> int:
    """Return how many of the newest versions were refused one after the other: by gates, a person, or the guard."""
    refused = _refused_in_release(entries)
    count = 0
    for each in reversed(trained):
        if each.approved and str(each.version) not in refused:
            break
        count += 1
    return count


def _refused_in_release(entries: Sequence[Entry]) -> set[str]:
    """Return the versions whose last word in a release was no: not approved, or taken back by the guard."""
    refused: dict[str, bool] = {}
    for entry in of_kind(entries, ApprovalAnswered, GuardTrip, AliasMove):
        match entry.event:
            case ApprovalAnswered(version=version, decision=decision):
                refused[version] = decision != "approve"
            case GuardTrip(version=version):
                refused[version] = True
            case AliasMove(to=version):
                refused[version] = False
    return {version for version, no in refused.items() if no}
