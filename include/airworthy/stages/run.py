"""Runs a stage by its name, JSON in and JSON out: for operators, containers, the command line."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from airworthy.errors import AirworthyError, TerminalError
from airworthy.handover import RunRequest, StageOutput
from airworthy.handover.catalogue import OPERATIONS, OUTPUT_TYPES, STAGES, Stage
from airworthy.job import Job, open_job
from airworthy.object_store import store_errors
from airworthy.stages.functions import stage_function

_Input = TypeVar("_Input", bound=StageOutput)


def run_stage(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Run one stage.

    Args:
        name: A key of `STAGES` or `OPERATIONS`.
        payload: ``run`` (a `RunRequest`) and the stage's inputs, by the names in `OUTPUT_TYPES`, as
            JSON. Other keys are ignored.

    Returns:
        The stage's output, as JSON.

    Raises:
        TerminalError: when the stage is unknown, an input is missing or wrong, or the stage raises
            it.
        TransientError: when the stage raises it.
    """
    from airworthy.metrics.stage_metrics import observe_stage

    stages = {**STAGES, **OPERATIONS}
    if name not in stages:
        raise TerminalError("there is no such stage", received=name, allowed=", ".join(stages))
    stage = stages[name]
    job = open_job(_parse(name, "run", RunRequest, payload))
    inputs: dict[str, StageOutput] = {
        key: _parse(name, key, OUTPUT_TYPES[key], payload) for key in stage.inputs
    }
    with observe_stage(job, name) as run:
        run.output = _call(stage, job, inputs)
    return run.output.model_dump(mode="json")


def _call(stage: Stage, job: Job, inputs: dict[str, StageOutput]) -> StageOutput:
    """Call the stage's function. Turns errors of MLflow and lake into errors with a next step."""
    from airworthy.registry.mlflow_errors import mlflow_errors

    function = stage_function(stage.name)
    try:
        with mlflow_errors(job.environment), store_errors(job.environment.lake):
            return function(job, **inputs)
    except AirworthyError as error:
        error.model, error.stage = error.model or job.spec.model, error.stage or stage.name
        raise


def _parse(stage: str, key: str, kind: type[_Input], payload: dict[str, Any]) -> _Input:
    try:
        return kind.model_validate(payload[key])
    except KeyError:
        raise TerminalError(
            f"the stage's input lacks {key!r}",
            stage=stage,
            received=", ".join(payload) or "nothing",
            allowed=f"{key}: {kind.__name__}",
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in (key, *first["loc"]))
        raise TerminalError(
            f"the stage's input {field} is not right: {first['msg']}",
            stage=stage,
            received=first.get("input"),
            allowed=f"{key}: {kind.__name__}",
        ) from None
