"""Train: make a challenger and the baseline that it has to beat, from the rows whose labels were known."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from airworthy.bundle import MODEL_FILE, Manifest, bundle_digest, file_digest, write_bundle
from airworthy.errors import TerminalError
from airworthy.features import FeatureSet, check_expressions, fit_features, load_expressions, row_dependent
from airworthy.handover import DatasetRef, ModelRef, Split
from airworthy.job import Job, git_commit
from airworthy.lake.datasets import TrainingRecord, open_datasets
from airworthy.lake.table import Lake, open_lake
from airworthy.monitoring.profile import Profile, make_profile, sample_rows
from airworthy.registry.runs import log_dataset, log_json, log_model, training_run
from airworthy.training.baseline import BaselineModel, fit_baseline
from airworthy.training.booster import Fitted, base_parameters, fit_booster
from airworthy.training.identity import idempotency_key
from airworthy.training.labels import find_classes
from airworthy.training.rows import StoredRows, store_rows
from airworthy.training.split import Boundaries, split_window

log = logging.getLogger("airworthy.train")

_SAMPLE_ROWS = 32
_EXAMPLE_ROWS = 3


def train(job: Job, dataset: DatasetRef) -> ModelRef:
    """Train a challenger on a dataset version and log it to MLflow.

    Returns:
        The run, the logged model and its digests. The same data, code and parameters give the same digests.

    Raises:
        TerminalError: when there are too few rows, one class only, no labels, a broken ``features.py``, or a
            parameter of the run that XGBoost would not take.
        TransientError: when the lake or MLflow cannot be reached.
    """
    import mlflow

    _check_parameters(job)
    lake = open_lake(job.environment, job.spec.model)
    bounds = split_window(job.spec, dataset.window)
    learning = lake.scan(dataset, bounds.start, bounds.holdout_start)
    features, classes = _fit_features(job, learning, lake.scan(dataset, bounds.start, bounds.end))
    key = idempotency_key(job, dataset)
    with training_run(job, key) as opened, _scratch(job) as scratch:
        log_dataset(job, dataset)
        fitted, counts = _fit(job, lake, dataset, bounds, features, classes, scratch)
        bundle = scratch / "bundle"
        manifest = Manifest(
            model=job.spec.model,
            task=job.spec.task,
            inputs=job.spec.inputs,
            features=features.features,
            classes=classes,
        )
        write_bundle(bundle, manifest, job.folder / "features.py", fitted.booster)
        model_uri = log_model(job, bundle, _example(job, learning))
        baseline = _baseline(job, lake, dataset, bounds, features, classes)
        log_json("baseline.json", baseline.model_dump(mode="json"))
        log_json("profile.json", _profile(job, lake, dataset, bounds).model_dump(mode="json"))
        mlflow.log_params({**fitted.parameters, "best_iteration": fitted.best_iteration})
        challenger = ModelRef(
            model=job.spec.model,
            mlflow_run_id=opened.run_id,
            mlflow_experiment_id=opened.experiment_id,
            model_uri=model_uri,
            bundle_uri=f"{model_uri}/artifacts/bundle",
            model_sha256=file_digest(bundle / MODEL_FILE),
            bundle_digest=bundle_digest(bundle),
            idempotency_key=key,
            split=Split(
                start=bounds.start, holdout_start=bounds.holdout_start, end=bounds.end,
                train_rows=sum(counts),
                holdout_rows=_labelled(job, lake.scan(dataset, bounds.holdout_start, bounds.end)),
            ),
            best_iteration=fitted.best_iteration,
            parameters=fitted.parameters,
        )  # fmt: skip
    _record(job, dataset, challenger, bounds, counts)
    return challenger


def _record(job: Job, dataset: DatasetRef, challenger: ModelRef, bounds: Boundaries, counts: list[int]) -> None:
    """Leave the training and its split with the dataset version's record."""
    learning, tuning = counts
    event = TrainingRecord(
        run_id=job.run.run_id, dag_id=job.run.dag_id, requested_by=job.run.requested_by, time=datetime.now(UTC),
        mlflow_run_id=challenger.mlflow_run_id, idempotency_key=challenger.idempotency_key,
        bundle_digest=challenger.bundle_digest, git_commit=git_commit(job.environment.project), reason=job.run.reason,
        parameters=challenger.parameters, best_iteration=challenger.best_iteration, start=bounds.start,
        tuning_start=bounds.tuning_start, holdout_start=bounds.holdout_start, end=bounds.end,
        rows={"learning": learning, "tuning": tuning, "holdout": challenger.split.holdout_rows},
    )  # fmt: skip
    open_datasets(job.environment, job.spec.model).add(dataset, event)


@contextmanager
def _scratch(job: Job) -> Iterator[Path]:
    """Yield an empty folder of the run's own; what a killed try of the same run left in it is removed first."""
    # MLflow takes a path for an address and decodes what a run id may hold: a digest has nothing to decode.
    name = hashlib.sha256(job.run.run_id.encode(errors="surrogatepass")).hexdigest()[:16]
    folder = job.environment.state / "scratch" / job.spec.model / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_parameters(job: Job) -> None:
    """Check the run's parameters as ``airworthy check`` does the spec's: XGBoost ignores names it does not know."""
    if not job.run.parameters:
        return
    from airworthy.spec.checks.boosting import wrong_parameters

    asked = job.spec.train.model_copy(
        update={"parameters": {**job.spec.train.parameters, **job.run.parameters}, "search": None}
    )
    faults = wrong_parameters("the run", job.spec.model_copy(update={"train": asked}))
    if faults:
        raise TerminalError(
            "\n".join(str(fault) for fault in faults), model=job.spec.model, stage="train",
            next_step="correct the run's parameters",
        )  # fmt: skip


def _fit_features(job: Job, learning: pl.LazyFrame, labelled: pl.LazyFrame) -> tuple[FeatureSet, list[str]]:
    path = job.folder / "features.py"
    expressions = load_expressions(path, job.spec.model)
    types = check_expressions(expressions, job.spec.inputs, path)
    mixed = row_dependent(expressions, learning.select(list(job.spec.inputs)).head(_SAMPLE_ROWS).collect())
    if mixed:
        raise TerminalError(
            "a feature looks at other rows, so that one request would not get the value it had in training",
            model=job.spec.model, stage="train", received=", ".join(mixed),
            allowed="expressions over one row at a time", next_step=f"edit {path}",
        )  # fmt: skip
    features = fit_features(expressions, types, [learning])
    # Two classes in the holdout alone would teach nothing.
    find_classes(job.spec, learning)
    return FeatureSet(expressions, features), find_classes(job.spec, labelled)


def _fit(
    job: Job, lake: Lake, dataset: DatasetRef, bounds: Boundaries, features: FeatureSet, classes: list[str],
    scratch: Path,
) -> tuple[Fitted, list[int]]:  # fmt: skip
    stored: list[StoredRows] = []
    for name, start, end in (
        ("learning", bounds.start, bounds.tuning_start),
        ("tuning", bounds.tuning_start, bounds.holdout_start),
    ):
        frames = _partitions(lake, dataset, start, end)
        stored.append(store_rows(scratch / name, frames, features, job.spec.ingest.label, classes))
    rows = [part.rows for part in stored]
    _demand_rows(job, bounds, rows)
    log.info("fitting on %d rows, tuning on %d, %d features", stored[0].rows, stored[1].rows, len(features.names))
    parameters = base_parameters(job.spec, classes, job.run.parameters)
    fitted = _fit_or_explain(job, parameters, stored)
    log.info("best round %d of %d, tuning score %.5f", fitted.best_iteration + 1, job.spec.train.rounds, fitted.score)
    return fitted, rows


def _fit_or_explain(job: Job, parameters: dict[str, Any], stored: list[StoredRows]) -> Fitted:
    import xgboost

    try:
        return fit_booster(job.spec, parameters, stored[0], stored[1])
    except xgboost.core.XGBoostError as error:
        first_lines = " ".join(str(error).splitlines()[:3])
        raise TerminalError(
            f"XGBoost refused to train: {first_lines}", model=job.spec.model, stage="train", received=parameters,
            allowed="XGBoost's own parameters", next_step="correct train.parameters or the run's parameters",
        ) from error  # fmt: skip


def _demand_rows(job: Job, bounds: Boundaries, found: list[int]) -> None:
    """Stop when there are too few rows to learn from, or none to stop the rounds with: a label or a day is missing."""
    label, rows, needed = job.spec.ingest.label, sum(found), job.spec.train.min_rows
    if rows >= needed and all(found):
        return
    problem = f"no row has a label: every {label} is missing"
    if rows >= needed:
        problem = "the days that are learned from, or those that stop the rounds early, have no labelled row"
    elif rows:
        problem = "there are too few labelled rows to learn from"
    ends = [f"{end:%Y-%m-%d}" for end in (bounds.start, bounds.tuning_start, bounds.holdout_start)]
    parts = ", ".join(f"{n} in [{ends[place]}, {ends[place + 1]})" for place, n in enumerate(found))
    raise TerminalError(
        problem, model=job.spec.model, stage="train", received=f"{rows} rows with a {label}: {parts}",
        allowed=f"at least {needed} rows, some in each part",
        next_step="raise train.lookback or validation_share, lower train.min_rows, or look at the source's labels",
    )  # fmt: skip


def _example(job: Job, learning: pl.LazyFrame) -> pl.DataFrame:
    """Return a few raw rows to show; without nulls when there are such, as MLflow cannot show a missing integer."""
    rows = learning.select(list(job.spec.inputs))
    whole = rows.drop_nulls().head(_EXAMPLE_ROWS).collect()
    return rows.head(_EXAMPLE_ROWS).collect() if whole.is_empty() else whole


def _partitions(lake: Lake, dataset: DatasetRef, start: datetime, end: datetime) -> Iterator[pl.DataFrame]:
    for day in sorted(dataset.partitions):
        if start.date() <= date.fromisoformat(day) < end.date():
            yield lake.read_partition(dataset, date.fromisoformat(day))


def _baseline(
    job: Job, lake: Lake, dataset: DatasetRef, bounds: Boundaries, features: FeatureSet, classes: list[str]
) -> BaselineModel:
    by = job.spec.train.baseline.by
    unknown = sorted(set(by) - set(features.names))
    if unknown:
        raise TerminalError(
            "train.baseline.by names features that there are not", model=job.spec.model, stage="train",
            received=", ".join(unknown), allowed=", ".join(features.names), next_step="airworthy check",
        )  # fmt: skip
    frames = _partitions(lake, dataset, bounds.start, bounds.holdout_start)
    rows = ((features.values(frame), frame[job.spec.ingest.label]) for frame in frames)
    return fit_baseline(job.spec.task, by, rows, classes)


def _profile(job: Job, lake: Lake, dataset: DatasetRef, bounds: Boundaries) -> Profile:
    frames = _partitions(lake, dataset, bounds.start, bounds.holdout_start)
    return make_profile(sample_rows(frames, job.spec.inputs, dataset.rows), job.spec.inputs)


def _labelled(job: Job, rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.col(job.spec.ingest.label).count()).collect().item())
