"""The state of a model by its ledger: what serves, and what waits for a person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from airworthy.alerts.live_alerts import FIRST_BLIND_WINDOWS
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AliasMove,
    ApprovalAnswered,
    Registration,
    RetrainingDecision,
    StagingCheck,
    VerdictReached,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.monitoring.history import blind_windows, decisions
from airworthy.traffic import ServedVersion, traffic_of

_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ModelState:
    """The state of one model. Times are ISO 8601 in UTC.

    Attributes:
        model: Its name.
        task: Its task; None: it has no spec any more, or one with faults.
        champion: The version that serves; None: none does.
        since: The time since which it serves.
        data_until: The exclusive end of the champion's training data.
        rollout: The version under rollout and its step, or None.
        verdict: The outcome of the newest verdict, or None.
        verdict_at: Its time.
        waits_for_approval: The version that waits for an approval, or None.
        open_breaker: The words of the monitor's last decision, when it stopped retraining.
        blind_windows: The number of the monitor's last windows in a row without a judgement.
        retired: Time and reason of the retirement, or None.
        faults: The faults of its spec, in words.
    """

    model: str
    task: str | None = None
    champion: str | None = None
    since: str | None = None
    data_until: str | None = None
    rollout: str | None = None
    verdict: str | None = None
    verdict_at: str | None = None
    waits_for_approval: str | None = None
    open_breaker: str | None = None
    blind_windows: int = 0
    retired: str | None = None
    faults: str | None = None

    @property
    def needs(self) -> list[str]:
        """Each thing that waits for a person, in words."""
        texts = {
            f"version {self.waits_for_approval} waits for an approval": self.waits_for_approval,
            f"retraining has stopped: {self.open_breaker}": self.open_breaker,
            f"the monitor could judge nothing in {self.blind_windows} windows": (
                self.blind_windows >= FIRST_BLIND_WINDOWS
            ),
            f"its spec has faults: {self.faults}": self.faults,
        }
        return [text for text, holds in texts.items() if holds]

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return asdict(self) | {"needs": self.needs}


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
    rollout = traffic.rollout
    return ModelState(
        model=model,
        task=task,
        champion=traffic.champion_version,
        since=traffic.since,
        data_until=_data_until(entries, traffic.champion),
        rollout=None if rollout is None else f"version {rollout.challenger}, {rollout.step}",
        verdict=None if verdict is None else verdict.event.outcome,
        verdict_at=None if verdict is None else verdict.time,
        waits_for_approval=_waiting(entries) if approval_required else None,
        open_breaker=_open_breaker(entries),
        blind_windows=len(blind_windows(entries, _EVER)),
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


def _waiting(entries: Sequence[Entry]) -> str | None:
    """Return the version of the newest staging check that passed, while nobody has answered."""
    newest = of_kind(entries, StagingCheck, ApprovalAnswered, AliasMove)[-1:]
    for entry in newest:
        if isinstance(entry.event, StagingCheck) and entry.event.passed:
            return entry.event.version
    return None


def _open_breaker(entries: Sequence[Entry]) -> str | None:
    newest = decisions(of_kind(entries, RetrainingDecision))[-1:]
    return newest[0].told if newest and newest[0].outcome == "circuit_open" else None
