"""Runs a stage by its name, JSON in and JSON out: for operators, containers, the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from airworthy.error_kinds import ROWS, kind_of
from airworthy.errors import AirworthyError, TerminalError
from airworthy.handover import DatasetRef, RunRequest, StageOutput
from airworthy.handover.catalogue import OPERATIONS, OUTPUT_TYPES, STAGES, Stage
from airworthy.job import Job, open_job
from airworthy.known_errors import known_errors
from airworthy.object_store import store_errors
from airworthy.stages.functions import stage_function
from airworthy.training.run_spec import keep_one_spec

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
        TerminalError: when the stage is unknown, an input is missing or wrong, the spec was changed
            since the run began, the stage raises it, or the stage fails in any other way.
        TransientError: when the stage raises it, or fails for a reason that may pass.
    """
    with known_errors(lambda _: None, model=_model_of(payload), stage=name):
        return _run(name, payload)


def _run(name: str, payload: dict[str, Any]) -> dict[str, Any]:
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
        keep_one_spec(job, name)
        run.output = call_stage(stage, job, inputs)
    return run.output.model_dump(mode="json")


def _model_of(payload: dict[str, Any]) -> str | None:
    run = payload.get("run")
    model = run.get("model") if isinstance(run, dict) else None
    return model if isinstance(model, str) else None


def call_stage(stage: Stage, job: Job, inputs: Mapping[str, Any]) -> StageOutput:
    """Call a stage's function. Turns every exception into an error with a next step.

    Args:
        stage: The stage.
        job: The run.
        inputs: The function's arguments by name.

    Raises:
        TerminalError: when the stage fails for good.
        TransientError: when it fails for a reason that may pass.
    """
    from airworthy.registry.mlflow_errors import mlflow_errors

    function = stage_function(stage.name)

    def keep(traceback: str) -> str:
        return job.evidence.write(f"errors/{stage.name}.txt", traceback)

    with known_errors(keep, job.folder, job.spec.model, stage.name):
        try:
            with mlflow_errors(job.environment), store_errors(job.environment.lake):
                return function(job, **inputs)
        except BaseException as error:
            of_feature = _error_of_feature(job, inputs, error)
            if of_feature is None:
                raise
            raise of_feature from error


def _error_of_feature(
    job: Job, inputs: Mapping[str, Any], error: BaseException
) -> TerminalError | None:
    """Return the error of the feature that cannot be computed; None: it is none's."""
    dataset = inputs.get("dataset")
    if isinstance(error, AirworthyError) or not isinstance(dataset, DatasetRef):
        return None
    if kind_of(error) is not ROWS:
        return None
    from airworthy.training.failing_feature import failing_feature

    return failing_feature(job, dataset)


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
