"""The stages of a delivery, in order, each a plain typed function; and one door to run any of them by name.

``run_stage`` is what operators, containers and the command line call: JSON-safe in, JSON-safe out. A stage imports
what it needs when it runs, so that looking at this table costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from pydantic import ValidationError

from airworthy import handover
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError
from airworthy.handover import Ref, RunRequest
from airworthy.job import Job
from airworthy.spec import load_spec

_Handed = TypeVar("_Handed", bound=Ref)


@dataclass(frozen=True)
class Stage:
    """A stage: what earlier stages hand to it, and what it hands over."""

    name: str
    needs: tuple[str, ...]
    gives: str


HANDED_OVER: dict[str, type[Ref]] = {
    "dataset": handover.DatasetRef,
    "validation": handover.ValidationResult,
    "challenger": handover.ModelRef,
    "verdict": handover.Verdict,
    "version": handover.VersionRef,
    "parity": handover.ParityResult,
    "approval_answer": handover.ApprovalAnswer,
    "approval": handover.Approval,
    "rollout_request": handover.RolloutRequest,
    "rollout_status": handover.RolloutStatus,
    "deployment": handover.Deployment,
    "rollback_request": handover.RollbackRequest,
    "rollback": handover.Rollback,
    "age": handover.AgeCheck,
    "data_check": handover.DataCheck,
    "skew": handover.ShiftCheck,
    "drift": handover.ShiftCheck,
    "performance": handover.PerformanceCheck,
    "decision": handover.DriftDecision,
    "scoring_inputs": handover.ScoringInputs,
    "batch_score": handover.BatchScore,
}

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("ingest", (), "dataset"),
        Stage("validate", ("dataset",), "validation"),
        Stage("train", ("dataset",), "challenger"),
        Stage("evaluate", ("dataset", "challenger"), "verdict"),
        Stage("register", ("dataset", "validation", "challenger", "verdict"), "version"),
        Stage("deploy_staging", ("dataset", "challenger", "version"), "parity"),
        Stage("deploy_production", ("dataset", "verdict", "version", "parity"), "deployment"),
    )
}

# What is run through the same door and is no stage of every delivery: what a release asks and watches, and going back.
OPERATIONS: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("approval", ("version", "verdict", "approval_answer"), "approval"),
        Stage("rollout", ("version", "verdict", "rollout_request"), "rollout_status"),
        Stage("rollback", ("rollback_request",), "rollback"),
        Stage("check_age", (), "age"),
        Stage("check_data", (), "data_check"),
        Stage("check_skew", ("data_check",), "skew"),
        Stage("check_drift", ("data_check",), "drift"),
        Stage("check_performance", ("data_check",), "performance"),
        Stage("decide", ("data_check", "skew", "drift", "performance"), "decision"),
        Stage("ingest_inputs", (), "scoring_inputs"),
        Stage("score", ("scoring_inputs",), "batch_score"),
    )
}


def run_stage(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Run one stage.

    Args:
        name: A key of `STAGES` or `OPERATIONS`.
        payload: ``run`` (a `RunRequest`) and everything that the stage needs, by the names in `HANDED_OVER`, as JSON.
            What it does not need may be there too.

    Returns:
        What the stage hands over, as JSON.

    Raises:
        TerminalError: when the stage is unknown or the payload lacks or garbles something; and what the stage raises.
        TransientError: what the stage raises.
    """
    from airworthy.metrics.stages import observed

    known = {**STAGES, **OPERATIONS}
    if name not in known:
        raise TerminalError("there is no such stage", received=name, allowed=", ".join(known))
    stage = known[name]
    job = open_job(_parse(name, "run", RunRequest, payload))
    given: dict[str, Ref] = {need: _parse(name, need, HANDED_OVER[need], payload) for need in stage.needs}
    with observed(job, name) as run:
        run.handed = _run(stage, job, given)
    return run.handed.model_dump(mode="json")


def _run(stage: Stage, job: Job, given: dict[str, Ref]) -> Ref:
    """Call the stage's function; what MLflow raises in it becomes an error that tells its reader what to do."""
    from airworthy.registry.faults import explained

    function = getattr(import_module(f"airworthy.stages.{stage.name}"), stage.name)
    try:
        with explained(job.environment):
            result: Ref = function(job, **given)
            return result
    except AirworthyError as error:
        error.model, error.stage = error.model or job.spec.model, error.stage or stage.name
        raise


def open_job(run: RunRequest) -> Job:
    """Load the spec and the environment of a requested run.

    Raises:
        SpecError: when the model's spec is missing or broken.
    """
    environment = load_environment()
    return Job(load_spec(environment.models / run.model / "model.yaml"), environment, run)


def _parse(stage: str, key: str, kind: type[_Handed], payload: dict[str, Any]) -> _Handed:
    try:
        return kind.model_validate(payload[key])
    except KeyError:
        raise TerminalError(
            f"the stage's input lacks {key!r}", stage=stage, received=", ".join(payload) or "nothing",
            allowed=f"{key}: {kind.__name__}",
        ) from None  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (key, *first["loc"]))
        raise TerminalError(
            f"the stage's input {where} is not right: {first['msg']}", stage=stage, received=first.get("input"),
            allowed=f"{key}: {kind.__name__}",
        ) from None  # fmt: skip
