"""What stages hand over to one another: small, typed, frozen, JSON-safe. Data itself goes through the lake.

All times are UTC and timezone-aware. Digests are lower-case hexadecimal SHA-256.
"""

from airworthy.handover.delivery import (
    CheckResult,
    DatasetRef,
    GateOutcome,
    ModelRef,
    Outcome,
    Promote,
    Ref,
    RunRequest,
    Split,
    TriggerReason,
    ValidationResult,
    Verdict,
    VersionRef,
    Window,
)
from airworthy.handover.release import (
    Approval,
    ApprovalAnswer,
    ApprovalDecision,
    ArmFigures,
    Deployment,
    ParityResult,
    Rollback,
    RollbackRequest,
    RolloutRequest,
    RolloutState,
    RolloutStatus,
    WatchedStep,
)

__all__ = [
    "Approval",
    "ApprovalAnswer",
    "ApprovalDecision",
    "ArmFigures",
    "CheckResult",
    "DatasetRef",
    "Deployment",
    "GateOutcome",
    "ModelRef",
    "Outcome",
    "ParityResult",
    "Promote",
    "Ref",
    "Rollback",
    "RollbackRequest",
    "RolloutRequest",
    "RolloutState",
    "RolloutStatus",
    "RunRequest",
    "Split",
    "TriggerReason",
    "ValidationResult",
    "Verdict",
    "VersionRef",
    "WatchedStep",
    "Window",
]
