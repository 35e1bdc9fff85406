"""Fits features, booster and baseline on a dataset version. Nothing is logged to MLflow."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from airworthy.bundle import Manifest, ModelBundle
from airworthy.errors import TerminalError
from airworthy.features import (
    Feature,
    FeatureSet,
    check_expressions,
    fit_features,
    load_expressions,
    row_dependent_features,
    too_many_levels,
)
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.lake.lake import Lake
from airworthy.spec.contract import contract_of
from airworthy.training.baseline import BaselineModel, fit_baseline
from airworthy.training.recent_span import RecentSpan, recent_spans
from airworthy.training.time_split import Boundaries, split_window
from airworthy.training.train_booster import FittedBooster, base_parameters, fit_booster
from airworthy.training.training_labels import find_classes
from airworthy.training.training_rows import StoredRows, store_rows

log = logging.getLogger("airworthy.train")

_SAMPLE_ROWS = 32


@dataclass(frozen=True)
class TrainingData:
    """A training's input: a dataset version, its cuts in time, and the encoding of rows."""

    job: Job
    lake: Lake
    dataset: DatasetRef
    bounds: Boundaries
    features: FeatureSet
    classes: list[str]

    @property
    def learning(self) -> pl.LazyFrame:
        """The rows before the holdout: those to fit on, and those for early stopping."""
        return self.lake.scan(self.dataset, self.bounds.start, self.bounds.holdout_start)

    @property
    def manifest(self) -> Manifest:
        """The manifest of a bundle with this data's features."""
        spec = self.job.spec
        return Manifest(
            model=spec.model,
            task=spec.task,
            inputs=spec.inputs,
            features=self.features.features,
            classes=self.classes,
            contract=contract_of(spec),
            positive=_text(spec.ingest.positive),
            negative=_text(spec.ingest.negative),
        )

    def partitions(self, start: datetime, end: datetime) -> Iterator[pl.DataFrame]:
        """Yield the rows of ``[start, end)`` by day, one in memory at a time."""
        for day in self.dataset.partition_days(start, end):
            yield self.lake.read_partition(self.dataset, day, start, end)

    def bundle(self, fitted: FittedBooster) -> ModelBundle:
        """Return a booster fitted on this data as a model of raw rows."""
        return ModelBundle(self.manifest, self.features, fitted.booster)


def prepare_training_data(job: Job, lake: Lake, dataset: DatasetRef) -> TrainingData:
    """Cut a dataset version by time, and fit the features on the rows before the holdout.

    Args:
        job: The run.
        lake: The model's lake.
        dataset: A version in the lake.

    Raises:
        TerminalError: when there are too few days, one class only, or a broken ``features.py``.
        TransientError: when the lake cannot be reached.
    """
    bounds = split_window(job.spec, dataset.window)
    learning = lake.scan(dataset, bounds.start, bounds.holdout_start)
    features, classes = _fit_features(job, learning, lake.scan(dataset, bounds.start, bounds.end))
    return TrainingData(job, lake, dataset, bounds, features, classes)


def fit_challenger(data: TrainingData, scratch: Path) -> tuple[FittedBooster, list[int]]:
    """Fit a booster; the rows' features go through files in `scratch`, an existing folder.

    Returns:
        The booster, and the number of rows that it was fitted on and tuned on.

    Raises:
        TerminalError: when there are too few rows, no labels, or a parameter that XGBoost rejects.
        TransientError: when the lake cannot be reached.
    """
    job = data.job
    learning, tuning = _store_rows(data, scratch)
    rows = [learning.rows, tuning.rows]
    _require_rows(job, data.bounds, rows)
    log.info("fitting on %d rows, tuning on %d, %d features", *rows, len(data.features.names))
    parameters = base_parameters(job.spec, data.classes, job.run.parameters)
    fitted = _fit_booster(job, parameters, learning, tuning, _spans(data, learning))
    if fitted.losses:
        log.info("fitted on %s; tuning losses %s", fitted.days, fitted.losses)
    log.info(
        "best round %d of %d, tuning score %.5f",
        fitted.best_iteration + 1,
        job.spec.train.rounds,
        fitted.score,
    )
    return fitted, rows


def fit_spec_baseline(data: TrainingData) -> BaselineModel:
    """Fit the spec's baseline on the same rows as the challenger.

    Raises:
        TerminalError: when ``train.baseline.by`` names unknown features.
    """
    job, bounds, features = data.job, data.bounds, data.features
    by = job.spec.train.baseline.by
    unknown = sorted(set(by) - set(features.names))
    if unknown:
        raise TerminalError(
            "train.baseline.by names features that there are not",
            model=job.spec.model,
            stage="train",
            received=", ".join(unknown),
            allowed=", ".join(features.names),
            next_step="airworthy check",
        )
    frames = data.partitions(bounds.start, bounds.holdout_start)
    rows = ((features.values(frame), frame[job.spec.ingest.label]) for frame in frames)
    return fit_baseline(job.spec.task, by, rows, data.classes)


def _fit_features(
    job: Job, learning: pl.LazyFrame, all_rows: pl.LazyFrame
) -> tuple[FeatureSet, list[str]]:
    path = job.folder / "features.py"
    expressions = load_expressions(path, job.spec.model)
    types = check_expressions(expressions, job.spec.inputs, path)
    sample = learning.select(list(job.spec.inputs)).head(_SAMPLE_ROWS).collect()
    dependent = row_dependent_features(expressions, sample)
    if dependent:
        raise TerminalError(
            "a feature looks at other rows, "
            "so that one request would not get the value it had in training",
            model=job.spec.model,
            stage="train",
            received=", ".join(dependent),
            allowed="expressions over one row at a time",
            next_step=f"edit {path}",
        )
    features = fit_features(expressions, types, [learning])
    _warn_of_free_text(features, types, learning)
    # Raises for a single class: a second one that only the holdout has would teach nothing.
    find_classes(job.spec, learning)
    return FeatureSet(expressions, features), find_classes(job.spec, all_rows)


def _warn_of_free_text(
    features: list[Feature], types: dict[str, Any], learning: pl.LazyFrame
) -> None:
    rows = int(learning.select(pl.len()).collect().item())
    for feature in features:
        if too_many_levels(types[feature.name], len(feature.levels), rows):
            log.warning(
                "feature %r has %d levels in %d rows, like free text: group rare levels, or leave "
                "it out",
                feature.name,
                len(feature.levels),
                rows,
            )


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _store_rows(data: TrainingData, scratch: Path) -> tuple[StoredRows, StoredRows]:
    """Return the rows to fit on and those to tune on, stored in `scratch`."""
    label, bounds = data.job.spec.ingest.label, data.bounds

    def store(name: str, start: datetime, end: datetime) -> StoredRows:
        frames = data.partitions(start, end)
        return store_rows(
            scratch / name, frames, data.features, label, data.classes, data.job.spec.model
        )

    learning = store("learning", bounds.start, bounds.tuning_start)
    return learning, store("tuning", bounds.tuning_start, bounds.holdout_start)


def _spans(data: TrainingData, learning: StoredRows) -> list[RecentSpan]:
    """Return the spans of newest days that are tried beside all days; static data has none."""
    bounds = data.bounds
    if data.job.spec.train.split == "hash":
        return []
    return recent_spans(
        data.job.spec.train,
        data.dataset.partition_days(bounds.start, bounds.tuning_start),
        learning.pieces,
        bounds.start.date(),
        bounds.holdout_start.date(),
    )


def _fit_booster(
    job: Job,
    parameters: dict[str, Any],
    learning: StoredRows,
    tuning: StoredRows,
    spans: Sequence[RecentSpan],
) -> FittedBooster:
    import xgboost

    try:
        return fit_booster(job.spec, parameters, learning, tuning, spans)
    except xgboost.core.XGBoostError as error:
        first_lines = " ".join(str(error).splitlines()[:3])
        raise TerminalError(
            f"XGBoost refused to train: {first_lines}",
            model=job.spec.model,
            stage="train",
            received=parameters,
            allowed="XGBoost's own parameters",
            next_step="correct train.parameters or the run's parameters",
        ) from error


def _require_rows(job: Job, bounds: Boundaries, counts: list[int]) -> None:
    """Raise when there are too few rows to fit on, or none to tune on."""
    label, rows, needed = job.spec.ingest.label, sum(counts), job.spec.train.min_rows
    if rows >= needed and all(counts):
        return
    problem = f"no row has a label: every {label} is missing"
    if rows >= needed:
        problem = (
            "the days for fitting, or the days that stop the rounds early, have no labelled row"
        )
    elif rows:
        problem = "there are too few labelled rows to learn from"
    ends = [f"{end:%Y-%m-%d}" for end in (bounds.start, bounds.tuning_start, bounds.holdout_start)]
    parts = [
        f"{count} in [{start}, {end})"
        for count, start, end in zip(counts, ends[:-1], ends[1:], strict=True)
    ]
    if job.spec.ingest.static:
        parts = [f"{counts[0]} for fitting", f"{counts[1]} to stop the rounds"]
    raise TerminalError(
        problem,
        model=job.spec.model,
        stage="train",
        received=f"{rows} rows with a {label}: {', '.join(parts)}",
        allowed=f"at least {needed} rows, some in each part",
        next_step=(
            "lower train.holdout_share" if job.spec.ingest.static else "raise train.lookback"
        )
        + " or raise validation_share, lower train.min_rows, or look at the source's labels",
    )
