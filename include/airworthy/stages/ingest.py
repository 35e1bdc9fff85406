"""Ingest: brings a run's window into the lake and records the dataset version."""

from __future__ import annotations

from datetime import UTC, datetime

from airworthy.checks.run_parameters import require_parameters
from airworthy.errors import AirworthyError
from airworthy.handover import DatasetRef
from airworthy.job import Job, git_commit
from airworthy.lake.dataset_records import DatasetRecord
from airworthy.lake.datasets import open_datasets
from airworthy.lake.ingestion import Ingestion
from airworthy.lake.lake import open_lake
from airworthy.lake.run_days import clipped_window
from airworthy.traffic.current_traffic import refuse_retired


def ingest(job: Job) -> DatasetRef:
    """Bring the window's partitions into the lake and return the dataset version.

    See `airworthy.lake.ingestion`.

    Args:
        job: The run's `as_of` must be a UTC midnight.

    Returns:
        The dataset at the lake's version after this run. Its window is the run's, clipped to the
        spec's start.

    Raises:
        TerminalError: when the model is retired, a parameter of the run is refused, `as_of` is
            outside the spec's range, the source has no rows for the whole window, or its rows
            cannot be used. The lake's partition then stays as it was.
        TransientError: when the source, the lake or the ledger cannot be reached.
    """
    try:
        refuse_retired(job.environment, job.spec.model)
        require_parameters(job, "ingest")
        window = clipped_window(job, job.spec.train.lookback, "run")
        ingestion = Ingestion(job, open_lake(job.environment, job.spec.model))
        dataset = ingestion.ingest_window(window)
        _record(dataset, ingestion)
        return dataset
    except AirworthyError as error:
        error.model, error.stage = error.model or job.spec.model, error.stage or "ingest"
        raise


def _record(dataset: DatasetRef, ingestion: Ingestion) -> None:
    """Record the dataset version, unless it has a record."""
    job, run = ingestion.job, ingestion.job.run
    datasets = open_datasets(job.environment, job.spec.model)
    if datasets.has_record(dataset):
        return
    record = DatasetRecord(
        id=dataset.id,
        model=dataset.model,
        digest=dataset.digest,
        table=dataset.table,
        version=dataset.version,
        window=dataset.window,
        source=ingestion.source.describe(),
        preprocessing=ingestion.preprocessing,
        git_commit=git_commit(job.environment.project),
        reason=run.reason,
        run_id=run.run_id,
        dag_id=run.dag_id,
        requested_by=run.requested_by,
        time=datetime.now(UTC),
        rows=dataset.rows,
        quarantined=dataset.quarantined,
        partition_count=len(dataset.partitions),
        counts=dataset.counts,
        refresh=run.refresh,
        statistics=datasets.statistics(dataset, ingestion.lake, ingestion.statistics),
    )
    datasets.add(dataset, record)
