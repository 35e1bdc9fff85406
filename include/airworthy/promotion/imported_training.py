"""A training of another environment in this one's MLflow and lake, as if it had been made here."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from airworthy.handover import DatasetRef, ModelRef
from airworthy.job import Job
from airworthy.lake.dataset_records import DatasetRecord, TrainingRecord, ValidationRecord
from airworthy.lake.datasets import open_datasets
from airworthy.promotion.origin import Origin
from airworthy.registry.registry import Registry, open_registry
from airworthy.registry.tags import ENVIRONMENT
from airworthy.registry.training_runs import finished_training, log_outcome
from airworthy.registry.version_import import import_model, import_run

log = logging.getLogger("airworthy.promotion")


def import_training(job: Job, origin: Origin, dataset: DatasetRef) -> ModelRef:
    """Import a version's training, unless an earlier try did; return it as a challenger here.

    Args:
        job: The run of the promotion.
        origin: The version in its own environment.
        dataset: Its dataset version in the job's lake.

    Raises:
        TerminalError: when the model's files are others after they were written.
        TransientError: when MLflow or the lake cannot be reached.
    """
    registry = open_registry(job.environment)
    key = _key(registry, job, origin)
    outcome = finished_training(job, key)
    if outcome is None:
        outcome = _import(job, registry, origin, dataset, key)
    else:
        log.info("an earlier try imported the model: nothing is imported again")
    record = TrainingRecord.model_validate(outcome["record"])
    moved = [_moved(job, each, dataset) for each in origin.records]
    open_datasets(job.environment, job.spec.model).add(dataset, *moved, record)
    return ModelRef.model_validate(outcome["challenger"])


def _moved(
    job: Job, record: DatasetRecord | ValidationRecord, dataset: DatasetRef
) -> DatasetRecord | ValidationRecord:
    """Return a record as one of the promotion's run: run ids of two environments may be the same."""
    updates: dict[str, Any] = {"run_id": job.run.run_id, "dag_id": None}
    if isinstance(record, DatasetRecord):
        updates |= {"table": dataset.table, "version": dataset.version}
    return record.model_copy(update=updates)


def _key(registry: Registry, job: Job, origin: Origin) -> str:
    """Return the idempotency key of the training in the job's registry.

    It is that of the training, so that the same training made here gives the same version. In an
    MLflow that both environments share, the key is the other environment's version: this one gets
    a key of its own.
    """
    key = origin.challenger.idempotency_key
    others = {
        version.tags.get(ENVIRONMENT) for version in registry.versions(job.spec.model, key)
    } - {job.environment.name}
    if not others:
        return key
    return hashlib.sha256(f"{key} {job.environment.name}".encode()).hexdigest()


def _import(
    job: Job, registry: Registry, origin: Origin, dataset: DatasetRef, key: str
) -> dict[str, Any]:
    """Import the run and the model; return the challenger and its record as JSON values."""
    with import_run(job, origin.exported, key, origin.name, dataset) as info:
        model_uri = import_model(registry, origin.exported, info)
        challenger = origin.challenger.model_copy(
            update={
                "mlflow_run_id": info.run_id,
                "mlflow_experiment_id": info.experiment_id,
                "model_uri": model_uri,
                "bundle_uri": f"{model_uri}/artifacts/bundle",
                "idempotency_key": key,
            }
        )
        record = origin.training.model_copy(
            update={
                "run_id": job.run.run_id,
                "dag_id": None,
                "mlflow_run_id": info.run_id,
                "idempotency_key": key,
            }
        )
        outcome = {
            "challenger": challenger.model_dump(mode="json"),
            "record": record.model_dump(mode="json"),
        }
        log_outcome(outcome)
    return outcome
