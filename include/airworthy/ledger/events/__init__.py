"""The kinds of events in the ledger, one class each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from airworthy.ledger.events.adoption_events import Adoption
from airworthy.ledger.events.break_glass_events import BreakGlass
from airworthy.ledger.events.candidate_events import (
    CandidateDropped,
    CandidateNamed,
    CandidatePurpose,
    ServerRole,
)
from airworthy.ledger.events.event import LedgerEvent, Moment, UnknownEvent
from airworthy.ledger.events.flag_events import KillSwitchTurned
from airworthy.ledger.events.monitor_events import (
    AlertRaised,
    RetrainingDecision,
    StalenessLimit,
    StalenessMeasured,
)
from airworthy.ledger.events.promotion_events import (
    PromotionCompleted,
    PromotionReceived,
    PromotionStarted,
)
from airworthy.ledger.events.release_events import (
    BEGUN,
    DONE,
    AliasMove,
    ApprovalAnswered,
    FlagOverride,
    GuardTrip,
    RolloutEnded,
    RolloutStep,
    RolloutStopped,
    StagingCheck,
)
from airworthy.ledger.events.retention_events import ArtifactsRemoved, RecordsRemoved
from airworthy.ledger.events.retirement_events import Retirement
from airworthy.ledger.events.rollback_events import RollbackCompleted, RollbackStarted
from airworthy.ledger.events.training_events import Registration, VerdictReached
from airworthy.ledger.events.watch_events import RollbackDrill, WatchEnded, WatchTripped

KnownEvent = (
    VerdictReached
    | Registration
    | CandidateNamed
    | CandidateDropped
    | StagingCheck
    | ApprovalAnswered
    | RolloutStep
    | FlagOverride
    | GuardTrip
    | RolloutStopped
    | AliasMove
    | RollbackStarted
    | RollbackCompleted
    | BreakGlass
    | Retirement
    | ArtifactsRemoved
    | RecordsRemoved
    | WatchTripped
    | WatchEnded
    | RollbackDrill
    | RetrainingDecision
    | StalenessMeasured
    | AlertRaised
    | Adoption
    | KillSwitchTurned
    | PromotionStarted
    | PromotionReceived
    | PromotionCompleted
)
AnyEvent = KnownEvent | UnknownEvent

EVENTS: dict[str, type[LedgerEvent]] = {event.kind: event for event in get_args(KnownEvent)}
"""Stored kind -> class of its events."""


def read_event(kind: str, payload: Mapping[str, Any]) -> AnyEvent:
    """Return a stored event; an `UnknownEvent` when the kind is unknown.

    Raises:
        ValueError: when the payload does not fit a known kind.
    """
    event_class = EVENTS.get(kind)
    if event_class is None:
        return UnknownEvent(kind, dict(payload))
    return cast("KnownEvent", event_class.from_payload(payload))


__all__ = [
    "BEGUN",
    "DONE",
    "EVENTS",
    "Adoption",
    "AlertRaised",
    "AliasMove",
    "AnyEvent",
    "ApprovalAnswered",
    "ArtifactsRemoved",
    "BreakGlass",
    "CandidateDropped",
    "CandidateNamed",
    "CandidatePurpose",
    "FlagOverride",
    "GuardTrip",
    "KillSwitchTurned",
    "KnownEvent",
    "LedgerEvent",
    "Moment",
    "PromotionCompleted",
    "PromotionReceived",
    "PromotionStarted",
    "RecordsRemoved",
    "Registration",
    "Retirement",
    "RetrainingDecision",
    "RollbackCompleted",
    "RollbackDrill",
    "RollbackStarted",
    "RolloutEnded",
    "RolloutStep",
    "RolloutStopped",
    "ServerRole",
    "StagingCheck",
    "StalenessLimit",
    "StalenessMeasured",
    "UnknownEvent",
    "VerdictReached",
    "WatchEnded",
    "WatchTripped",
    "read_event",
]
