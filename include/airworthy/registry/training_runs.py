"""Writing a training run to MLflow: parameters, datasets, metrics, the model with its signature and example."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.handover import DatasetRef
from airworthy.job import Job, git_commit
from airworthy.registry.tags import (
    AS_OF,
    DAG_ID,
    ENVIRONMENT,
    GIT_COMMIT,
    IDEMPOTENCY_KEY,
    INPUT_DIGEST,
    INPUT_ROWS,
    INPUT_WINDOW,
    OWNER,
    REASON,
    REQUESTED_BY,
    RUN_ID,
)
from airworthy.registry.tracking import connect, experiment_id

if TYPE_CHECKING:
    import polars as pl
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo

_REQUIREMENTS = (
    "mlflow",
    "xgboost",
    "polars",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "PyYAML",
    "filelock",
)
_SIGNATURE_TYPES = {
    "float": "double", "int": "long", "bool": "boolean", "category": "string", "string": "string",
    "datetime": "datetime",
}  # fmt: skip


@contextmanager
def training_run(job: Job, key: str) -> Iterator[RunInfo]:
    """Open an MLflow run for a training and yield its info; it ends FINISHED, or FAILED when the block raises.

    A run of the same Airflow run that a killed task left open is closed as KILLED first, so that a retry leaves one
    run that counts.
    """
    import mlflow

    client = connect(job.environment)
    experiment = experiment_id(job.environment, client, job.spec.model)
    _close_abandoned(client, experiment, job.run.run_id)
    name = f"{job.spec.model} {job.run.as_of:%Y-%m-%d}"
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=run_tags(job, key)) as run:
        yield run.info


def _close_abandoned(client: MlflowClient, experiment: str, run_id: str) -> None:
    # Compared here: a run id may hold quotes, which MLflow's filters cannot express.
    for left in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if left.data.tags.get(RUN_ID) == run_id:
            client.set_terminated(left.info.run_id, status="KILLED")


def run_tags(job: Job, key: str) -> dict[str, str]:
    """Return what a run and a version are tagged with: who, what, when, why."""
    return {
        RUN_ID: job.run.run_id,
        DAG_ID: job.run.dag_id or "",
        REASON: job.run.reason,
        REQUESTED_BY: job.run.requested_by,
        AS_OF: job.run.as_of.isoformat(),
        IDEMPOTENCY_KEY: key,
        GIT_COMMIT: git_commit(job.environment.project),
        OWNER: job.spec.owner,
        ENVIRONMENT: job.environment.name,
    }


def log_dataset(job: Job, dataset: DatasetRef) -> None:
    """Log the dataset version to the active run under our own digest (MLflow's reads a part of the rows only)."""
    import mlflow
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = DeltaDatasetSource(path=dataset.table, delta_table_version=dataset.version)
    # MLflow keeps at most 36 characters of a digest; the whole one is in the tags.
    logged = MetaDataset(source, name=dataset.id, digest=dataset.digest[:36])
    tags = {
        INPUT_DIGEST: dataset.digest,
        INPUT_WINDOW: str(dataset.window),
        INPUT_ROWS: str(dataset.rows),
    }
    mlflow.log_input(logged, context="training", tags=tags)


def log_model(job: Job, bundle: Path, example: pl.DataFrame) -> str:
    """Log a bundle to the active run as a model that takes raw rows; return its URI.

    Args:
        job: Gives the input columns for the signature.
        bundle: The bundle's folder; it must be called ``bundle``.
        example: A few raw rows; they become the input example and are predicted once as a check.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    event_time = job.spec.ingest.event_time
    inputs = [
        ColSpec(_SIGNATURE_TYPES[kind], name, required=name == event_time)
        for name, kind in job.spec.inputs.items()
    ]
    outputs = Schema([ColSpec("double")]) if job.spec.task != "multiclass" else None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={"bundle": str(bundle)},
        code_paths=[str(Path(__file__).parents[1])],
        signature=ModelSignature(inputs=Schema(inputs), outputs=outputs),
        input_example=_example_frame(example),
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
    )
    return str(info.model_uri)


def _example_frame(example: pl.DataFrame) -> Any:
    """Return the rows as pandas, times without a zone: MLflow's signature has no zoned type."""
    import polars as pl

    plain = example.with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))
    return plain.to_pandas()


def log_json(name: str, value: Any) -> None:
    """Keep a JSON document with the active run."""
    import mlflow

    mlflow.log_text(json.dumps(value, indent=1), name)
