"""Ingest: make sure that every partition of a run's window is in the lake, and record the dataset version."""

from __future__ import annotations

from datetime import UTC, datetime

from airworthy.errors import AirworthyError
from airworthy.handover import DatasetRef
from airworthy.job import Job, git_commit
from airworthy.lake.datasets import DatasetRecord, open_datasets
from airworthy.lake.ingestion import Ingestion, clipped_window
from airworthy.lake.lake import open_lake


def ingest(job: Job) -> DatasetRef:
    """Bring the window's partitions into the lake and return the dataset version; see `airworthy.lake.ingestion`.

    Args:
        job: The run's `as_of` must be a UTC midnight.

    Returns:
        The dataset at the lake's version after this run; its window is the job's, clipped to the spec's start.

    Raises:
        TerminalError: when `as_of` is outside what the spec allows, the source has nothing for the whole window, or
            what it has cannot be used; the partition concerned is left as it was.
        TransientError: when the source or the lake cannot be reached.
    """
    try:
        window = clipped_window(job, job.spec.train.lookback, "run")
        intake = Ingestion(job, open_lake(job.environment, job.spec.model))
        dataset = intake.bring_in(window)
        _record(dataset, intake)
        return dataset
    except AirworthyError as error:
        error.model, error.stage = error.model or job.spec.model, error.stage or "ingest"
        raise


def _record(dataset: DatasetRef, intake: Ingestion) -> None:
    """Keep the record of the dataset version, unless it has one."""
    job, run = intake.job, intake.job.run
    datasets = open_datasets(job.environment, job.spec.model)
    if datasets.knows(dataset):
        return
    record = DatasetRecord(
        id=dataset.id,
        model=dataset.model,
        digest=dataset.digest,
        table=dataset.table,
        version=dataset.version,
        window=dataset.window,
        source=intake.source.describe(),
        preprocessing=intake.preprocessing,
        git_commit=git_commit(job.environment.project),
        reason=run.reason,
        run_id=run.run_id,
        dag_id=run.dag_id,
        requested_by=run.requested_by,
        time=datetime.now(UTC),
        rows=dataset.rows,
        quarantined=dataset.quarantined,
        partition_count=len(dataset.partitions),
        statistics=datasets.statistics(dataset, intake.lake, intake.statistics),
    )
    datasets.add(dataset, record)
