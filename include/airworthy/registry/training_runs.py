"""Logs a training run to MLflow: tags, datasets, the model with signature and input example."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.bundle import (
    DIGEST_KEY,
    FEATURES_FILE,
    MANIFEST_FILE,
    Manifest,
    bundle_digest,
)
from airworthy.errors import TransientError
from airworthy.features import load_expressions
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.registry.tags import (
    AS_OF,
    DAG_ID,
    ENVIRONMENT,
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
_OUTCOME = "training.json"
_SIGNATURE_TYPES = {
    "float": "double", "int": "long", "bool": "boolean", "category": "string", "string": "string",
    "datetime": "datetime",
}  # fmt: skip


@contextmanager
def training_run(job: Job, key: str, code: Mapping[str, str] | None = None) -> Iterator[RunInfo]:
    """Open an MLflow run for a training and yield its info.

    It ends as FINISHED, or as FAILED when the block raises. A killed task may have left an open run
    of the same Airflow run. It is closed as KILLED first, so one run remains valid after a retry.

    Args:
        job: The run.
        key: The idempotency key of the training.
        code: The tags of its code; see `airworthy.registry.version_source`.

    Raises:
        TransientError: when a retry on another machine closed this run meanwhile.
    """
    import mlflow

    client = connect(job.environment)
    experiment = experiment_id(job.environment, client, job.spec.model)
    _close_abandoned(client, experiment, job.run.run_id)
    name = f"{job.spec.model} {job.run.as_of:%Y-%m-%d}"
    tags = {**run_tags(job, key), **(code or {})}
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags) as run:
        yield run.info
        _require_open(job, client, run.info.run_id)


def _require_open(job: Job, client: MlflowClient, mlflow_run_id: str) -> None:
    """Check that no retry took over: this process may have been cut off for a while."""
    status = client.get_run(mlflow_run_id).info.status
    if status == "KILLED":
        raise TransientError(
            "another try of this run has taken over the training",
            model=job.spec.model,
            stage="train",
            received=f"MLflow run {mlflow_run_id} is {status}",
            next_step="look at the newest try of the task",
        )


def log_outcome(outcome: dict[str, Any]) -> None:
    """Log the outcome of a training to the active run, as JSON values; see `finished_training`."""
    log_json(_OUTCOME, outcome)


def finished_training(job: Job, key: str) -> dict[str, Any] | None:
    """Return the outcome of an earlier try of this run with the same key, or None.

    The try finished its training, maybe on another machine, and was lost after that.

    Args:
        job: The run.
        key: The idempotency key of the training.
    """
    import mlflow

    client = connect(job.environment)
    experiment = experiment_id(job.environment, client, job.spec.model)
    query = f"attributes.status = 'FINISHED' and tags.`{IDEMPOTENCY_KEY}` = '{key}'"
    for run in client.search_runs([experiment], query, order_by=["attributes.start_time ASC"]):
        if run.data.tags.get(RUN_ID) != job.run.run_id:
            continue
        if _OUTCOME in {file.path for file in client.list_artifacts(run.info.run_id)}:
            _close_abandoned(client, experiment, job.run.run_id)
            return dict(mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/{_OUTCOME}"))
    return None


def _close_abandoned(client: MlflowClient, experiment: str, run_id: str) -> None:
    # Filtered here: a run id may hold quotes, and MLflow's filters cannot express them.
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if run.data.tags.get(RUN_ID) == run_id:
            client.set_terminated(run.info.run_id, status="KILLED")


def run_tags(job: Job, key: str) -> dict[str, str]:
    """Return the tags of a run and of its version: requester, run, time, reason."""
    return {
        RUN_ID: job.run.run_id,
        DAG_ID: job.run.dag_id or "",
        REASON: job.run.reason,
        REQUESTED_BY: job.run.requested_by,
        AS_OF: job.run.as_of.isoformat(),
        IDEMPOTENCY_KEY: key,
        OWNER: job.spec.owner,
        ENVIRONMENT: job.environment.name,
    }


def log_dataset(dataset: DatasetRef) -> None:
    """Log the dataset version to the active run, with our digest: MLflow's reads some rows only."""
    import mlflow
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = DeltaDatasetSource(path=dataset.table, delta_table_version=dataset.version)
    # MLflow allows at most 36 characters of a digest; the whole one is in the tags.
    logged = MetaDataset(source, name=dataset.id, digest=dataset.digest[:36])
    tags = {
        INPUT_DIGEST: dataset.digest,
        INPUT_WINDOW: str(dataset.window),
        INPUT_ROWS: str(dataset.rows),
    }
    mlflow.log_input(logged, context="training", tags=tags)


def log_model(job: Job, bundle: Path, example: pl.DataFrame) -> str:
    """Log a bundle to the active run as a model of raw rows; return its URI.

    Args:
        job: Gives the input columns of the signature.
        bundle: The bundle's folder; its name must be ``bundle``.
        example: A few raw rows: the input example. They are predicted once as a check.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    manifest = Manifest.model_validate_json((bundle / MANIFEST_FILE).read_bytes())
    event_time = job.spec.ingest.event_time
    expressions = load_expressions(bundle / FEATURES_FILE, job.spec.model).values()
    needs_time = any(event_time in each.meta.root_names() for each in expressions)
    inputs = [
        ColSpec(_SIGNATURE_TYPES[kind], name, required=needs_time and name == event_time)
        for name, kind in job.spec.inputs.items()
    ]
    outputs = Schema([ColSpec("double")])
    if job.spec.task == "multiclass":
        # The columns of the probabilities, in their order.
        outputs = Schema([ColSpec("double", name) for name in manifest.classes])
    elif manifest.positive is not None:
        outputs = Schema([ColSpec("double", f"probability of {manifest.positive}")])
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={"bundle": str(bundle)},
        model_config={DIGEST_KEY: bundle_digest(bundle)},
        code_paths=[str(Path(__file__).parents[1])],
        signature=ModelSignature(inputs=Schema(inputs), outputs=outputs),
        input_example=_example_frame(example),
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
    )
    return str(info.model_uri)


def _example_frame(example: pl.DataFrame) -> Any:
    """Return the rows as pandas, without time zones: MLflow's signature has no zoned type."""
    import polars as pl

    plain = example.with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))
    return plain.to_pandas()


def log_json(name: str, value: Any) -> None:
    """Log a JSON document to the active run."""
    import mlflow

    mlflow.log_text(json.dumps(value, indent=1), name)
