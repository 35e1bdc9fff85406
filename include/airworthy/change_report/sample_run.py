"""A training run on a sample: the stages of a real run up to the registration, in a place thrown away."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Final

from airworthy.change_report.feature_benefit import FeatureBenefit, feature_benefits
from airworthy.change_report.window_drift import window_drift
from airworthy.errors import AirworthyError, TransientError
from airworthy.handover import DatasetRef, ModelRef, ValidationResult, Verdict
from airworthy.handover.catalogue import STAGES
from airworthy.job import Job
from airworthy.registry.registry import open_registry
from airworthy.stages.evaluate import ComparedModel, trained_bundle
from airworthy.stages.run import call_stage
from airworthy.versions.column_shifts import ColumnShift

log = logging.getLogger("airworthy.change_report")

_STAGES: Final = ("ingest", "validate", "train", "evaluate", "register")


@dataclass(frozen=True)
class StoppedStage:
    """The stage that stopped a run, its error in words, and whether trying again may help."""

    stage: str
    problem: str
    transient: bool


@dataclass
class SampleRun:
    """The result of a run on a sample.

    Attributes:
        dataset: The dataset version.
        validation: The result of every check of the data.
        challenger: The trained model.
        verdict: The outcome of every gate.
        drift: Columns that shifted between the days that were learned from and the holdout.
        benefits: What each feature is worth on the holdout.
        files: Name of an evidence file -> its content: the plots and the report.
        stopped: The stage that stopped it; None: it went through.
    """

    dataset: DatasetRef | None = None
    validation: ValidationResult | None = None
    challenger: ModelRef | None = None
    verdict: Verdict | None = None
    drift: list[ColumnShift] = field(default_factory=list)
    benefits: list[FeatureBenefit] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    stopped: StoppedStage | None = None


def run_on_sample(job: Job, compared: ComparedModel | None) -> SampleRun:
    """Run the stages of a training on a sample; return what they left. No error is raised.

    Args:
        job: The run, in a place thrown away.
        compared: The model to compare with; None: none.
    """
    outputs: dict[str, Any] = {"compared": compared}
    run, stage = SampleRun(), _STAGES[0]
    try:
        for stage in _STAGES:
            outputs[STAGES[stage].output] = _run_stage(job, stage, outputs)
        stage = "report"
        _look_closer(job, outputs, run)
    except AirworthyError as error:
        run.stopped = StoppedStage(stage, str(error), isinstance(error, TransientError))
    run.dataset, run.challenger = outputs.get("dataset"), outputs.get("challenger")
    run.verdict = outputs.get("verdict")
    run.validation = outputs.get("validation") or _failed_validation(job)
    run.files = _files(job)
    return run


def train_on_sample(job: Job, name: str) -> ComparedModel:
    """Train a model on a sample, to compare with.

    Args:
        job: The run, in a place thrown away.
        name: Its name in the verdict.

    Raises:
        TerminalError: when it cannot be trained.
        TransientError: when the source cannot be reached.
    """
    outputs: dict[str, Any] = {}
    for stage in ("ingest", "train"):
        outputs[STAGES[stage].output] = _run_stage(job, stage, outputs)
    bundle = trained_bundle(open_registry(job.environment), outputs["challenger"])
    return ComparedModel(name, bundle)


def _run_stage(job: Job, name: str, outputs: dict[str, Any]) -> Any:
    stage, started = STAGES[name], time.perf_counter()
    inputs = {key: outputs[key] for key in stage.inputs}
    if name == "evaluate":
        inputs["compared"] = outputs["compared"]
    output = call_stage(stage, job, inputs)
    log.info("%s: %s: %.1f s", job.spec.model, name, time.perf_counter() - started)
    return output


def _look_closer(job: Job, outputs: dict[str, Any], run: SampleRun) -> None:
    """Add the drift of the columns and the benefit of the features."""
    dataset, challenger = outputs["dataset"], outputs["challenger"]
    run.drift = window_drift(job, dataset, challenger.split)
    bundle = trained_bundle(open_registry(job.environment), challenger)
    run.benefits = feature_benefits(job, dataset, challenger.split, bundle)


def _failed_validation(job: Job) -> ValidationResult | None:
    """Return the result of a validation that stopped the run."""
    content = job.evidence.read(job.evidence.address("validation.json"))
    return None if content is None else ValidationResult.model_validate(json.loads(content))


def _files(job: Job) -> dict[str, bytes]:
    contents = {
        name: job.evidence.read(job.evidence.address(name))
        for name in ("evaluation.png", "report.html")
    }
    return {name: content for name, content in contents.items() if content is not None}
