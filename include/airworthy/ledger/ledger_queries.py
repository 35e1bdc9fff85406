"""Queries on a ledger's entries. All functions are pure; they take the entries, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from airworthy.errors import TerminalError
from airworthy.ledger.entry import Entry
from airworthy.ledger.events import (
    AliasMove,
    LedgerEvent,
    Registration,
    Retirement,
    RollbackStarted,
    VerdictReached,
)
from airworthy.ledger.version_numbers import reused_numbers

_Event = TypeVar("_Event", bound=LedgerEvent)


@dataclass(frozen=True)
class ServicePeriod:
    """A version's time as champion: ``[since, until)``, ISO 8601, UTC; None while it lasts.

    `since` and `until` are by the order of the entries. `clock` is the time by the writer's clock,
    where it was behind the order; else None. `evidence` has the digests of data and model files,
    and the verdict behind the release.
    """

    version: str
    since: str
    until: str | None
    reason: str
    run_id: str
    who: str
    proved_by: str | None
    evidence: dict[str, Any]
    clock: str | None = None


def of_kind(entries: Iterable[Entry], *kinds: type[_Event]) -> list[Entry[_Event]]:
    """Return the entries with events of these kinds, oldest first."""
    names = {kind.kind for kind in kinds}
    return [cast("Entry[_Event]", entry) for entry in entries if entry.kind in names]


def alias_moves(entries: Iterable[Entry]) -> list[Entry[AliasMove]]:
    """Return the entries of moves of the alias ``champion``, oldest first."""
    return of_kind(entries, AliasMove)


def served_at(entries: Sequence[Entry], moment: datetime) -> ServicePeriod | None:
    """Return the champion's service period at a moment; None when there was no champion.

    The order of the entries counts: an entry whose clock was behind is no earlier than the one that
    it follows.

    Args:
        entries: One model's ledger, oldest first.
        moment: Timezone-aware; a move at this very moment counts.
    """
    times = ordered_times(entries)
    changes = of_kind(entries, AliasMove, Retirement)
    earlier = [index for index, each in enumerate(changes) if times[each.sequence] <= moment]
    if not earlier or changes[earlier[-1]].kind == Retirement.kind:
        return None
    move = cast("Entry[AliasMove]", changes[earlier[-1]])
    following = changes[earlier[-1] + 1 :]
    since = _ordered_time(move, times)
    return ServicePeriod(
        version=move.event.to,
        since=since,
        until=_ordered_time(following[0], times) if following else None,
        reason=move.event.reason,
        run_id=move.run_id,
        who=move.who,
        proved_by=move.proved_by,
        evidence=evidence(entries, move),
        clock=move.time if since != move.time else None,
    )


def ordered_times(entries: Sequence[Entry]) -> dict[int, datetime]:
    """Return the time of each entry by its sequence number. It never goes back.

    Entries of older versions do not say that their clock was behind: it shows by the order.
    """
    times: dict[int, datetime] = {}
    latest = datetime.min.replace(tzinfo=UTC)
    for entry in entries:
        latest = times[entry.sequence] = max(latest, entry.moment)
    return times


def clocks_behind(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose clock was behind an entry before."""
    times = ordered_times(entries)
    return [each for each in entries if datetime.fromisoformat(each.time) < times[each.sequence]]


def _ordered_time(entry: Entry[LedgerEvent], times: Mapping[int, datetime]) -> str:
    moment = times[entry.sequence]
    if moment == datetime.fromisoformat(entry.time):
        return entry.time
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def evidence(entries: Sequence[Entry], move: Entry[AliasMove]) -> dict[str, Any]:
    """Return the evidence of a move: dataset and bundle digest, and the version's verdict."""
    verdict = _verdict_of(entries, move)
    return {
        "dataset_digest": move.event.dataset_digest,
        "bundle_digest": move.event.bundle_digest,
        "verdict": verdict.event.outcome if verdict else None,
        "verdict_reasons": verdict.event.reasons if verdict else [],
        "verdict_entry": verdict.entry_id if verdict else None,
    }


def _verdict_of(entries: Sequence[Entry], move: Entry[AliasMove]) -> Entry[VerdictReached] | None:
    """Return the verdict of the move's run; after a rollback, of the version's registration.

    The registration is the last one before the move: the number may have been another version's.
    """
    earlier = [entry for entry in entries if entry.sequence < move.sequence]
    runs = [move.run_id]
    runs += [
        entry.run_id
        for entry in of_kind(earlier, Registration)
        if entry.event.version == move.event.to
    ][-1:]
    for run_id in runs:
        verdicts = [entry for entry in of_kind(earlier, VerdictReached) if entry.run_id == run_id]
        if verdicts:
            return verdicts[-1]
    return None


def rolled_back(entries: Sequence[Entry]) -> set[str]:
    """Return the rolled-back versions, without those brought back by name since.

    A version that was registered under the number of another one was not rolled back with it.
    """
    versions: set[str] = set()
    reused = reused_numbers(entries)
    for entry in of_kind(entries, RollbackStarted, AliasMove, Registration):
        match entry.event:
            case RollbackStarted(from_=version):
                versions.add(version)
            case AliasMove(to=version):
                versions.discard(version)
            case Registration(version=version) if entry.sequence in reused:
                versions.discard(version)
    return versions


def parse_moment(text: str) -> datetime:
    """Parse an ISO 8601 time or day (its first moment); without an offset it is UTC.

    >>> parse_moment("2026-03-20T10:00:00+02:00").isoformat()
    '2026-03-20T08:00:00+00:00'

    Raises:
        TerminalError: when the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TerminalError(
            "this is not a time",
            received=text,
            allowed="such as 2026-03-20 or 2026-03-20T08:30:00+00:00 (UTC)",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
