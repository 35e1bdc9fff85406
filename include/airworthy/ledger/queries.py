"""Questions to a ledger's entries. Pure: the entries come in, oldest first; nothing is looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airworthy.errors import TerminalError
from airworthy.ledger.ledger import Entry

ALIAS_MOVE, ROLLBACK_STARTED, ROLLBACK = "alias_move", "rollback_started", "rollback"
STAGING, APPROVAL = "staging", "approval"
ROLLOUT_STEP, GUARD_TRIP, ROLLOUT_STOPPED = "rollout_step", "guard_trip", "rollout_stopped"


@dataclass(frozen=True)
class Service:
    """A version's time as champion: ``[since, until)``, ISO 8601 in UTC; `until` is None while it lasts.

    `evidence` has the digests of data and model files, and the verdict that the version was released on.
    """

    version: str
    since: str
    until: str | None
    reason: str
    run_id: str
    who: str
    evidence: dict[str, Any]


def alias_moves(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that gave ``champion`` to a version, oldest first."""
    return [entry for entry in entries if entry.kind == ALIAS_MOVE]


def served_at(entries: Sequence[Entry], moment: datetime) -> Service | None:
    """Return which version was champion at a moment, and why; None when none was yet.

    Args:
        entries: One model's ledger, oldest first.
        moment: Timezone-aware; a move at this very moment counts.
    """
    moves = alias_moves(entries)
    before = [place for place, move in enumerate(moves) if datetime.fromisoformat(move.time) <= moment]
    if not before:
        return None
    move, following = moves[before[-1]], moves[before[-1] + 1 :]
    return Service(
        version=str(move.facts["to"]), since=move.time, until=following[0].time if following else None,
        reason=str(move.facts.get("reason", "")), run_id=move.run_id, who=move.who, evidence=evidence(entries, move),
    )  # fmt: skip


def evidence(entries: Sequence[Entry], move: Entry) -> dict[str, Any]:
    """Return what a move rests on: dataset and bundle digest, and outcome and reasons of the version's verdict."""
    facts = move.facts
    verdict = _verdict_of(entries, move)
    judged = verdict.facts if verdict else {}
    return {
        "dataset_digest": facts.get("dataset_digest"),
        "bundle_digest": facts.get("bundle_digest"),
        "verdict": judged.get("outcome"),
        "verdict_reasons": judged.get("reasons", []),
        "verdict_entry": verdict.entry_id if verdict else None,
    }


def _verdict_of(entries: Sequence[Entry], move: Entry) -> Entry | None:
    """Return the verdict of the run that moved the alias; of a rollback, of the run that registered the version."""
    earlier = [entry for entry in entries if entry.sequence < move.sequence]
    version = move.facts["to"]
    runs = [move.run_id]
    runs += [e.run_id for e in earlier if e.kind == "registration" and str(e.facts.get("version")) == version]
    for run_id in runs:
        verdicts = [entry for entry in earlier if entry.kind == "verdict" and entry.run_id == run_id]
        if verdicts:
            return verdicts[-1]
    return None


def rolled_back(entries: Sequence[Entry]) -> set[str]:
    """Return the versions that a rollback took away and that nobody brought back by name since."""
    bad: set[str] = set()
    for entry in entries:
        if entry.kind == ROLLBACK_STARTED:
            bad.add(str(entry.facts["from"]))
        elif entry.kind == ALIAS_MOVE:
            bad.discard(str(entry.facts["to"]))
    return bad


def parse_moment(text: str) -> datetime:
    """Read an ISO 8601 time, or a day, which means its first moment; without an offset it is UTC.

    Raises:
        TerminalError: when the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TerminalError(
            "this is not a time", received=text, allowed="such as 2026-03-20 or 2026-03-20T08:30:00+00:00 (UTC)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
