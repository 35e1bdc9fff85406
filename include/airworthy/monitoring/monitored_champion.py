"""The champion for the monitor: its model, its importance by column, and its training rows."""

from __future__ import annotations

from dataclasses import dataclass

from airworthy.bundle import ModelBundle
from airworthy.evaluation.comparable import incomparable_reason
from airworthy.handover import LiveWindow
from airworthy.job import Job
from airworthy.lake.dataset_records import TrainingRecord
from airworthy.lake.datasets import open_datasets
from airworthy.lake.lake import open_lake
from airworthy.monitoring.check_results import InconclusiveError
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.live_rows import LakeRows, LiveRows
from airworthy.monitoring.spans import Span
from airworthy.registry.registry import open_registry
from airworthy.registry.tags import DATASET_PART, DATASET_VERSION
from airworthy.traffic import ServedVersion
from airworthy.traffic.champion_files import champion_digest


@dataclass(frozen=True)
class Champion:
    """A champion.

    Attributes:
        version: Its registered version.
        run_id: The MLflow run of its training.
        digest: The digest of its files.
        bundle: The model.
        importance: Input column -> share of the model's gain.
        rows: The dataset version of its training and its holdout.
        training: The days of fitting and tuning.
        holdout: The days of its evaluation.
    """

    version: str
    run_id: str
    digest: str
    bundle: ModelBundle
    importance: dict[str, float]
    rows: LiveRows
    training: Span
    holdout: Span


def open_champion(job: Job, live: LiveWindow) -> Champion:
    """Load the champion of a live window.

    Raises:
        TerminalError: when its files are not those that the ledger names.
        InconclusiveError: when there is none, when it reads other columns than the spec declares,
            or when its training was not recorded.
        TransientError: when MLflow or the lake cannot be reached.
    """
    if live.champion is None:
        raise InconclusiveError("there is no champion")
    return load_champion(job, ServedVersion(live.champion, live.champion_digest))


def load_champion(job: Job, served: ServedVersion) -> Champion:
    """Load a champion by the ledger.

    Raises:
        TerminalError: when its files are not those that the ledger names.
        InconclusiveError: when it reads other columns than the spec declares, or when its training
            was not recorded.
        TransientError: when MLflow or the lake cannot be reached.
    """
    version = served.version
    registry = open_registry(job.environment)
    registered = registry.version(job.spec.model, version)
    digest = champion_digest(registry, job.spec.model, served)
    folder, _ = registry.bundle(job.spec.model, version)
    bundle = ModelBundle.load(folder, digest)
    reason = incomparable_reason(bundle.manifest, job.spec)
    if reason is not None:
        raise InconclusiveError(reason)
    lake_version = int(registry.tag(registered, DATASET_VERSION))
    part = str(registered.tags.get(DATASET_PART, ""))
    rows, record = _training(job, str(registered.run_id), lake_version, part)
    return Champion(
        version=version,
        run_id=str(registered.run_id),
        digest=digest,
        bundle=bundle,
        importance=column_importance(bundle),
        rows=rows,
        training=Span(record.start, record.holdout_start),
        holdout=Span(record.holdout_start, record.end),
    )


def _training(
    job: Job, run_id: str, lake_version: int, part: str
) -> tuple[LakeRows, TrainingRecord]:
    """Return the rows and the record of the training of an MLflow run.

    Args:
        job: The run.
        run_id: The MLflow run.
        lake_version: The version of the lake's table.
        part: The part of the lake; see `airworthy.lake.promoted_parts`.
    """
    model = job.spec.model
    datasets = open_datasets(job.environment, model)
    for key, record in datasets.events(TrainingRecord):
        if record.mlflow_run_id == run_id:
            partitions = datasets.partitions([key]).get(key, {})
            lake = open_lake(job.environment, model, part)
            return LakeRows(job.spec, lake, lake_version, partitions), record
    raise InconclusiveError(f"nothing is recorded of the training of run {run_id}")
