"""The champion as the monitor needs it: the model, what it listens to, and the very rows that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from airworthy.bundle import ModelBundle
from airworthy.evaluation.comparable import why_incomparable
from airworthy.job import Job
from airworthy.lake.datasets import TrainingRecord, open_datasets
from airworthy.lake.lake import open_lake
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.inconclusive import InconclusiveError
from airworthy.monitoring.live_rows import LakeRows, Production
from airworthy.monitoring.spans import Span
from airworthy.registry.registry import open_registry
from airworthy.registry.tags import DATASET_VERSION


@dataclass(frozen=True)
class Champion:
    """A champion.

    Attributes:
        version: Its registered version.
        run_id: The MLflow run that trained it.
        digest: Of its files.
        bundle: The model.
        importance: Input column -> share of the model's gain.
        rows: The dataset version that it was made from.
        learned: The days that it was fitted and tuned on.
        holdout: The days on which it was judged.
    """

    version: str
    run_id: str
    digest: str
    bundle: ModelBundle
    importance: dict[str, float]
    rows: Production
    learned: Span
    holdout: Span


def open_champion(job: Job, version: str | None) -> Champion:
    """Load a champion.

    Raises:
        InconclusiveError: when there is none, it reads other columns than the spec declares, or nothing is recorded of
            its training.
        TransientError: when MLflow or the lake cannot be reached.
    """
    if version is None:
        raise InconclusiveError("there is no champion")
    registry = open_registry(job.environment)
    found = registry.version(job.spec.model, version)
    folder, digest = registry.bundle(job.spec.model, version)
    bundle = ModelBundle.load(folder, digest)
    why = why_incomparable(bundle.manifest, job.spec)
    if why is not None:
        raise InconclusiveError(why)
    rows, training = _training(job, str(found.run_id), int(registry.tag(found, DATASET_VERSION)))
    return Champion(
        version,
        str(found.run_id),
        digest,
        bundle,
        column_importance(bundle),
        rows,
        Span(training.start, training.holdout_start),
        Span(training.holdout_start, training.end),
    )


def _training(job: Job, run_id: str, version: int) -> tuple[LakeRows, TrainingRecord]:
    datasets = open_datasets(job.environment, job.spec.model)
    for key, training in datasets.events(TrainingRecord):
        if training.mlflow_run_id == run_id:
            partitions = datasets.partitions([key]).get(key, {})
            return LakeRows(
                job.spec, open_lake(job.environment, job.spec.model), version, partitions
            ), training
    raise InconclusiveError(f"nothing is recorded of the training of run {run_id}")
