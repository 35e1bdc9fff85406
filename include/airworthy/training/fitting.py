"""A challenger from a dataset version: its features, its booster, and the baseline beside it. Nothing is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from airworthy.bundle import Manifest, ModelBundle
from airworthy.errors import TerminalError
from airworthy.features import (
    FeatureSet,
    check_expressions,
    fit_features,
    load_expressions,
    row_dependent,
)
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.lake.lake import Lake
from airworthy.training.baseline import BaselineModel, fit_baseline
from airworthy.training.time_split import Boundaries, split_window
from airworthy.training.train_booster import Fitted, base_parameters, fit_booster
from airworthy.training.training_labels import find_classes
from airworthy.training.training_rows import StoredRows, store_rows

log = logging.getLogger("airworthy.train")

_SAMPLE_ROWS = 32


@dataclass(frozen=True)
class Material:
    """What a challenger is made from: a dataset version, where time cuts it, and how its rows are encoded."""

    job: Job
    lake: Lake
    dataset: DatasetRef
    bounds: Boundaries
    features: FeatureSet
    classes: list[str]

    @property
    def learning(self) -> pl.LazyFrame:
        """The rows that are learned from, and those that stop the rounds early."""
        return self.lake.scan(self.dataset, self.bounds.start, self.bounds.holdout_start)

    @property
    def manifest(self) -> Manifest:
        """What a bundle says of itself."""
        spec = self.job.spec
        return Manifest(
            model=spec.model,
            task=spec.task,
            inputs=spec.inputs,
            features=self.features.features,
            classes=self.classes,
        )

    def partitions(self, start: datetime, end: datetime) -> Iterator[pl.DataFrame]:
        """Return the days of ``[start, end)``, UTC midnights, one in memory at a time."""
        for day in sorted(self.dataset.partitions):
            if start.date() <= date.fromisoformat(day) < end.date():
                yield self.lake.read_partition(self.dataset, date.fromisoformat(day))

    def bundle(self, fitted: Fitted) -> ModelBundle:
        """Return a booster made from this as a model of raw rows."""
        return ModelBundle(self.manifest, self.features, fitted.booster)


def gather_material(job: Job, lake: Lake, dataset: DatasetRef) -> Material:
    """Cut a dataset version by time, and fit the features on the rows that are learned from.

    Raises:
        TerminalError: when there are too few days, one class only, or a broken ``features.py``.
        TransientError: when the lake cannot be reached.
    """
    bounds = split_window(job.spec, dataset.window)
    learning = lake.scan(dataset, bounds.start, bounds.holdout_start)
    features, classes = _fit_features(job, learning, lake.scan(dataset, bounds.start, bounds.end))
    return Material(job, lake, dataset, bounds, features, classes)


def fit_challenger(material: Material, scratch: Path) -> tuple[Fitted, list[int]]:
    """Fit a booster; the rows' features go through files in a folder that exists.

    Returns:
        The booster, and how many rows it learned from and was tuned on.

    Raises:
        TerminalError: when there are too few rows, no labels, or a parameter that XGBoost does not take.
        TransientError: when the lake cannot be reached.
    """
    job, bounds, features = material.job, material.bounds, material.features
    stored: list[StoredRows] = []
    for name, start, end in (
        ("learning", bounds.start, bounds.tuning_start),
        ("tuning", bounds.tuning_start, bounds.holdout_start),
    ):
        frames = material.partitions(start, end)
        stored.append(
            store_rows(scratch / name, frames, features, job.spec.ingest.label, material.classes)
        )
    rows = [part.rows for part in stored]
    _demand_rows(job, bounds, rows)
    log.info(
        "fitting on %d rows, tuning on %d, %d features",
        stored[0].rows,
        stored[1].rows,
        len(features.names),
    )
    parameters = base_parameters(job.spec, material.classes, job.run.parameters)
    fitted = _fit_or_explain(job, parameters, stored)
    log.info(
        "best round %d of %d, tuning score %.5f",
        fitted.best_iteration + 1,
        job.spec.train.rounds,
        fitted.score,
    )
    return fitted, rows


def fit_baseline_beside(material: Material) -> BaselineModel:
    """Fit the spec's baseline on the rows that the challenger was made from.

    Raises:
        TerminalError: when ``train.baseline.by`` names features that there are not.
    """
    job, bounds, features = material.job, material.bounds, material.features
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
    frames = material.partitions(bounds.start, bounds.holdout_start)
    rows = ((features.values(frame), frame[job.spec.ingest.label]) for frame in frames)
    return fit_baseline(job.spec.task, by, rows, material.classes)


def _fit_features(
    job: Job, learning: pl.LazyFrame, labelled: pl.LazyFrame
) -> tuple[FeatureSet, list[str]]:
    path = job.folder / "features.py"
    expressions = load_expressions(path, job.spec.model)
    types = check_expressions(expressions, job.spec.inputs, path)
    mixed = row_dependent(
        expressions, learning.select(list(job.spec.inputs)).head(_SAMPLE_ROWS).collect()
    )
    if mixed:
        raise TerminalError(
            "a feature looks at other rows, so that one request would not get the value it had in training",
            model=job.spec.model,
            stage="train",
            received=", ".join(mixed),
            allowed="expressions over one row at a time",
            next_step=f"edit {path}",
        )
    features = fit_features(expressions, types, [learning])
    # Two classes in the holdout alone would teach nothing.
    find_classes(job.spec, learning)
    return FeatureSet(expressions, features), find_classes(job.spec, labelled)


def _fit_or_explain(job: Job, parameters: dict[str, Any], stored: list[StoredRows]) -> Fitted:
    import xgboost

    try:
        return fit_booster(job.spec, parameters, stored[0], stored[1])
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
        problem,
        model=job.spec.model,
        stage="train",
        received=f"{rows} rows with a {label}: {parts}",
        allowed=f"at least {needed} rows, some in each part",
        next_step="raise train.lookback or validation_share, lower train.min_rows, or look at the source's labels",
    )
