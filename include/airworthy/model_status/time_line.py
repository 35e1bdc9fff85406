"""A ledger as a time line: its entries in words, the marks on the line of quality, the champions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AlertRaised,
    AliasMove,
    ApprovalAnswered,
    GuardTrip,
    Registration,
    Retirement,
    RetrainingDecision,
    RollbackStarted,
    RolloutStopped,
)
from airworthy.ledger.ledger_queries import of_kind, ordered_times
from airworthy.model_status.entry_words import entry_words
from airworthy.model_status.model_history import LedgerLine, Mark, MarkKind, Service


def ledger_lines(entries: Sequence[Entry]) -> list[LedgerLine]:
    """Return all entries in words."""
    return [
        LedgerLine(
            sequence=entry.sequence,
            time=entry.time,
            kind=entry.kind,
            who=entry.who,
            proved_by=entry.proved_by,
            text=entry_words(entry),
            version=entry.shown_event.subject,
            run_id=entry.run_id,
        )
        for entry in entries
    ]


def marks(entries: Sequence[Entry]) -> list[Mark]:
    """Return the events that are marked on the line of quality."""
    rollbacks = {AliasMove.rollback_id(each.run_id) for each in of_kind(entries, RollbackStarted)}
    found: list[Mark] = []
    latest: datetime | None = None
    for entry in entries:
        moment = _data_time(entry)
        if moment is not None and (latest is None or moment > latest):
            latest = moment
        at = moment or latest
        kind = _kind(entry, rollbacks)
        if kind is not None:
            data_time = at.astimezone(UTC).isoformat() if at else None
            found.append(Mark(entry.time, data_time, kind, entry_words(entry), entry.sequence))
    return found


def services(entries: Sequence[Entry]) -> list[Service]:
    """Return the spans of time of all champions."""
    times = ordered_times(entries)
    spans: list[Service] = []
    changes = of_kind(entries, AliasMove, Retirement)
    for number, change in enumerate(changes):
        if not isinstance(change.event, AliasMove):
            continue
        following = changes[number + 1 :][:1]
        until = _text(times[following[0].sequence]) if following else None
        since = _text(times[change.sequence])
        spans.append(Service(change.event.to, since, until, change.sequence))
    return spans


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _data_time(entry: Entry) -> datetime | None:
    """Return the end of the data that an entry speaks of, or None."""
    match entry.shown_event:
        case RetrainingDecision(decision=decision):
            return decision.window_end
        case Registration(as_of=as_of):
            return as_of
    return None


def _kind(entry: Entry, rollbacks: set[str]) -> MarkKind | None:
    event = entry.shown_event
    match event:
        case AliasMove():
            return "rollback" if entry.entry_id in rollbacks else "release"
        case RollbackStarted(withdraws=True):
            return "rollback"
        case Retirement():
            return "retired"
        case GuardTrip() | RolloutStopped():
            return "stopped"
        case Registration(validation_status="rejected"):
            return "rejected"
        case ApprovalAnswered(decision=decision) if decision != "approve":
            return "rejected"
        case RetrainingDecision(decision=decision) if "fired" in decision.signals.values():
            return "drift"
        case AlertRaised(key=key) if entry.entry_id == f"{AlertRaised.kind}:{key}":
            return "alert"
    return None
