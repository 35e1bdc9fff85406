"""Train: fits a challenger, and the baseline that it has to beat, on the rows with labels."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from airworthy.bundle import MODEL_FILE, bundle_digest, file_digest, write_bundle
from airworthy.checks.run_parameters import require_parameters
from airworthy.errors import TransientError
from airworthy.handover import DatasetRef, ModelRef, Split
from airworthy.job import Job, lock_digest, working_tree
from airworthy.lake.dataset_records import TrainingRecord
from airworthy.lake.datasets import open_datasets
from airworthy.lake.lake import Lake, open_lake
from airworthy.registry.tags import span_tags
from airworthy.registry.training_runs import (
    finished_training,
    log_dataset,
    log_json,
    log_model,
    log_outcome,
    training_run,
)
from airworthy.registry.version_source import (
    FEATURES_FILE,
    SPEC_FILE,
    code_tags,
    copy_source,
    log_source,
)
from airworthy.release.dirty_trees import require_committed
from airworthy.spec import load_spec
from airworthy.training.class_counts import require_classes
from airworthy.training.fitting import (
    TrainingData,
    fit_challenger,
    fit_spec_baseline,
    prepare_training_data,
)
from airworthy.training.idempotency_key import idempotency_key
from airworthy.training.time_split import Boundaries

if TYPE_CHECKING:
    from mlflow.entities import RunInfo

log = logging.getLogger("airworthy.train")

_EXAMPLE_ROWS = 3


def train(job: Job, dataset: DatasetRef) -> ModelRef:
    """Train a challenger on a dataset version and log it to MLflow.

    Returns:
        The run, the logged model and its digests. The same data, code and parameters give the same
        digests. A retry of the same run after the training gives the same MLflow run.

    Raises:
        TerminalError: when there are too few rows, a part without a class, no labels, a broken
            ``features.py``, a run's parameter that XGBoost rejects, or a dirty tree where the
            environment refuses one.
        TransientError: when the lake or MLflow cannot be reached.
    """
    require_parameters(job, "train")
    key = idempotency_key(job, dataset)
    outcome = finished_training(job, key)
    if outcome is None:
        outcome = _train(job, dataset, key)
    else:
        log.info("an earlier try of this run finished the training: nothing is trained again")
    record = TrainingRecord.model_validate(outcome["record"])
    open_datasets(job.environment, job.spec.model).add(dataset, record)
    return ModelRef.model_validate(outcome["challenger"])


def _train(job: Job, dataset: DatasetRef, key: str) -> dict[str, Any]:
    """Train a challenger and log it; return it and its record as JSON values."""
    tree = working_tree(job)
    code = code_tags(tree, lock_digest(job.environment.project))
    require_committed(job, code)
    lake = open_lake(job.environment, job.spec.model)
    with _scratch(job) as scratch:
        # A person may edit the model's folder during the training: its files are copied before.
        source = scratch / job.spec.model
        copy_source(job.folder, source, tree)
        data = prepare_training_data(job, lake, dataset)
        require_classes(data)
        _require_unchanged(job, key, dataset, source)
        with training_run(job, key, code) as mlflow_run:
            log_source(source)
            return _fit_and_log(data, mlflow_run, scratch, key, tree.commit)


def _fit_and_log(
    data: TrainingData, mlflow_run: RunInfo, scratch: Path, key: str, commit: str
) -> dict[str, Any]:
    """Fit a challenger and log it to the open MLflow run; see `_train`."""
    import mlflow

    job, dataset, lake = data.job, data.dataset, data.lake
    log_dataset(dataset)
    fitted, counts = fit_challenger(data, scratch)
    bundle = scratch / "bundle"
    write_bundle(bundle, data.manifest, scratch / job.spec.model / FEATURES_FILE, fitted.booster)
    model_uri = log_model(job, bundle, _example(job, data.learning))
    log_json("baseline.json", fit_spec_baseline(data).model_dump(mode="json"))
    mlflow.log_params({**fitted.parameters, "best_iteration": fitted.best_iteration})
    mlflow.set_tags(span_tags(fitted.days, fitted.losses))
    challenger = ModelRef(
        model=job.spec.model,
        mlflow_run_id=mlflow_run.run_id,
        mlflow_experiment_id=mlflow_run.experiment_id,
        model_uri=model_uri,
        bundle_uri=f"{model_uri}/artifacts/bundle",
        model_sha256=file_digest(bundle / MODEL_FILE),
        bundle_digest=bundle_digest(bundle),
        idempotency_key=key,
        split=_split(job, lake, dataset, data.bounds, counts),
        best_iteration=fitted.best_iteration,
        parameters=fitted.parameters,
        fitted_days=fitted.days,
        span_losses=fitted.losses,
    )
    record = _record(job, challenger, data.bounds, counts, commit)
    outcome = {
        "challenger": challenger.model_dump(mode="json"),
        "record": record.model_dump(mode="json"),
    }
    log_outcome(outcome)
    return outcome


def _split(
    job: Job, lake: Lake, dataset: DatasetRef, bounds: Boundaries, counts: list[int]
) -> Split:
    holdout = lake.scan(dataset, bounds.holdout_start, bounds.end)
    return Split(
        start=bounds.start,
        holdout_start=bounds.holdout_start,
        end=bounds.end,
        train_rows=sum(counts),
        holdout_rows=_count_labels(job, holdout),
    )


def _record(
    job: Job, challenger: ModelRef, bounds: Boundaries, counts: list[int], commit: str
) -> TrainingRecord:
    """Return the record of the training and its split, for the dataset version."""
    learning, tuning = counts
    return TrainingRecord(
        run_id=job.run.run_id,
        dag_id=job.run.dag_id,
        requested_by=job.run.requested_by,
        time=datetime.now(UTC),
        mlflow_run_id=challenger.mlflow_run_id,
        idempotency_key=challenger.idempotency_key,
        bundle_digest=challenger.bundle_digest,
        git_commit=commit,
        lock_digest=lock_digest(job.environment.project),
        reason=job.run.reason,
        parameters=challenger.parameters,
        best_iteration=challenger.best_iteration,
        fitted_days=challenger.fitted_days,
        start=bounds.start,
        tuning_start=bounds.tuning_start,
        holdout_start=bounds.holdout_start,
        end=bounds.end,
        rows={"learning": learning, "tuning": tuning, "holdout": challenger.split.holdout_rows},
    )


def _require_unchanged(job: Job, key: str, dataset: DatasetRef, source: Path) -> None:
    """Check that the copied files are those that the run began with."""
    same_spec = load_spec(source / SPEC_FILE) == job.spec
    if same_spec and idempotency_key(job, dataset) == key:
        return
    raise TransientError(
        "the model's folder was changed while the training began",
        model=job.spec.model,
        stage="train",
        received=f"other files in {job.folder} than a moment ago",
        next_step="try again, when the files are as they should be",
    )


@contextmanager
def _scratch(job: Job) -> Iterator[Path]:
    """Yield an empty folder for the run. Removes the files of a killed try first."""
    # MLflow decodes a path like a URL, and a run id may hold escapes. A digest holds none.
    name = hashlib.sha256(job.run.run_id.encode(errors="surrogatepass")).hexdigest()[:16]
    folder = job.environment.state / "scratch" / job.spec.model / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _example(job: Job, learning: pl.LazyFrame) -> pl.DataFrame:
    """Return a few raw rows, if possible without nulls: MLflow cannot show a missing integer."""
    rows = learning.select(list(job.spec.inputs))
    complete = rows.drop_nulls().head(_EXAMPLE_ROWS).collect()
    return rows.head(_EXAMPLE_ROWS).collect() if complete.is_empty() else complete


def _count_labels(job: Job, rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.col(job.spec.ingest.label).count()).collect().item())
