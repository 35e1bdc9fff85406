"""The state of a model by its ledger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AliasMove,
    ApprovalAnswered,
    Registration,
    Retirement,
    RetrainingDecision,
    StagingCheck,
    VerdictReached,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.monitoring.history import blind_windows
from airworthy.traffic import ServedVersion, traffic_of
from airworthy.versions.model_state import ModelState

_EVER = datetime.max.replace(tzinfo=UTC)


def model_state(
    model: str,
    entries: Sequence[Entry],
    *,
    task: str | None = None,
    approval_required: bool = False,
    faults: str | None = None,
) -> ModelState:
    """Return the state of a model.

    Args:
        model: Its name.
        entries: Its ledger, oldest first.
        task: The task of its spec.
        approval_required: Whether a person has to approve its releases.
        faults: The faults of its spec, in words.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
    """
    traffic, verdicts = traffic_of(entries), of_kind(entries, VerdictReached)
    verdict, retired = (verdicts[-1] if verdicts else None), traffic.retired
    rollout, waiting, breaker = traffic.rollout, None, _open_breaker(entries)
    if approval_required:
        waiting = _waiting(entries)
    blind = blind_windows(entries, _EVER)
    return ModelState(
        model=model,
        task=task,
        champion=traffic.champion_version,
        since=traffic.since,
        data_until=_data_until(entries, traffic.champion),
        rollout=None if rollout is None else f"version {rollout.challenger}, {rollout.step}",
        verdict=None if verdict is None else verdict.event.outcome,
        verdict_at=None if verdict is None else verdict.time,
        waits_for_approval=None if waiting is None else waiting.event.version,
        approval_since=None if waiting is None else waiting.time,
        open_breaker=None if breaker is None else breaker.event.decision.told,
        breaker_since=None if breaker is None else breaker.time,
        blind_windows=len(blind),
        blind_since=blind[0].isoformat() if blind else None,
        retired=None if retired is None else f"{retired.time}: {retired.event.reason}",
        faults=faults,
    )


def _data_until(entries: Sequence[Entry], champion: ServedVersion | None) -> str | None:
    ends = [
        entry.event.as_of.isoformat()
        for entry in of_kind(entries, Registration)
        if champion is not None
        and entry.event.version == champion.version
        and champion.bundle_digest in (None, entry.event.bundle_digest)
        and entry.event.as_of is not None
    ]
    return ends[-1] if ends else None


def _waiting(entries: Sequence[Entry]) -> Entry[StagingCheck] | None:
    """Return the newest staging check, if it passed and nobody has answered since."""
    newest = of_kind(entries, StagingCheck, ApprovalAnswered, AliasMove, Retirement)[-1:]
    for entry in newest:
        if isinstance(entry.event, StagingCheck) and entry.event.passed:
            return cast("Entry[StagingCheck]", entry)
    return None


def _open_breaker(entries: Sequence[Entry]) -> Entry[RetrainingDecision] | None:
    """Return the monitor's newest decision, if it stopped retraining."""
    newest = of_kind(entries, RetrainingDecision)[-1:]
    return newest[0] if newest and newest[0].event.decision.outcome == "circuit_open" else None
