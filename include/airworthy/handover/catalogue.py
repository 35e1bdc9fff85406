"""The catalogue of stages: the names of each stage's inputs, and of its output.

`airworthy.stages` holds the functions. This module imports none of them, so it costs the
environment and the DAG files nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from airworthy.handover.monitor_outputs import (
    AgeCheck,
    DataCheck,
    DriftDecision,
    PerformanceCheck,
    RequestCheck,
    ShiftCheck,
)
from airworthy.handover.release_outputs import (
    Approval,
    ApprovalAnswer,
    Deployment,
    ParityResult,
    Rollback,
    RollbackRequest,
    RolloutRequest,
    RolloutStatus,
)
from airworthy.handover.score_outputs import BatchScore, ScoringInputs
from airworthy.handover.stage_output import StageOutput
from airworthy.handover.train_outputs import (
    DatasetRef,
    ModelRef,
    ValidationResult,
    Verdict,
    VersionRef,
)
from airworthy.handover.watch_outputs import DrillResult, WatchStatus


@dataclass(frozen=True)
class Stage:
    """A stage: the names of its inputs and of its output, all keys of `OUTPUT_TYPES`."""

    name: str
    inputs: tuple[str, ...]
    output: str


OUTPUT_TYPES: dict[str, type[StageOutput]] = {
    "dataset": DatasetRef,
    "validation": ValidationResult,
    "challenger": ModelRef,
    "verdict": Verdict,
    "version": VersionRef,
    "parity": ParityResult,
    "approval_answer": ApprovalAnswer,
    "approval": Approval,
    "rollout_request": RolloutRequest,
    "rollout_status": RolloutStatus,
    "deployment": Deployment,
    "rollback_request": RollbackRequest,
    "rollback": Rollback,
    "watch_status": WatchStatus,
    "drill": DrillResult,
    "age": AgeCheck,
    "requests": RequestCheck,
    "data_check": DataCheck,
    "skew": ShiftCheck,
    "drift": ShiftCheck,
    "performance": PerformanceCheck,
    "decision": DriftDecision,
    "scoring_inputs": ScoringInputs,
    "batch_score": BatchScore,
}


def _by_name(*stages: Stage) -> dict[str, Stage]:
    return {stage.name: stage for stage in stages}


STAGES = _by_name(
    Stage("ingest", (), "dataset"),
    Stage("validate", ("dataset",), "validation"),
    Stage("train", ("dataset",), "challenger"),
    Stage("evaluate", ("dataset", "challenger"), "verdict"),
    Stage("register", ("dataset", "validation", "challenger", "verdict"), "version"),
    Stage("deploy_staging", ("dataset", "challenger", "version"), "parity"),
    Stage("deploy_production", ("dataset", "verdict", "version", "parity"), "deployment"),
)
"""The stages of every training run, in order."""

OPERATIONS = _by_name(
    Stage("approval", ("version", "verdict", "approval_answer"), "approval"),
    Stage("rollout", ("version", "verdict", "rollout_request"), "rollout_status"),
    Stage("rollback", ("rollback_request",), "rollback"),
    Stage("watch", (), "watch_status"),
    Stage("rollback_drill", (), "drill"),
    Stage("check_age", (), "age"),
    Stage("check_requests", (), "requests"),
    Stage("check_data", (), "data_check"),
    Stage("check_skew", ("data_check",), "skew"),
    Stage("check_drift", ("data_check",), "drift"),
    Stage("check_performance", ("data_check",), "performance"),
    Stage("decide", ("data_check", "skew", "drift", "performance"), "decision"),
    Stage("ingest_inputs", (), "scoring_inputs"),
    Stage("score", ("scoring_inputs",), "batch_score"),
)
"""Stages outside a training run (rollback, monitor, scoring), or of some runs only."""
