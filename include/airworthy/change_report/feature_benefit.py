"""The benefit of each feature: how much the holdout's loss grows when its values are mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.bundle import ModelBundle
from airworthy.handover import DatasetRef, Split
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.spec.evaluate_part import Task
from airworthy.training.row_losses import row_losses
from airworthy.training.training_labels import encode_labels

_MAX_ROWS, _MAX_FEATURES = 20_000, 200
_REPEATS = 3
_Z = 1.96


@dataclass(frozen=True)
class FeatureBenefit:
    """The growth of the mean loss of a row without a feature, as a share of the loss.

    `low` and `high` are the ends of its 95 % interval.
    """

    feature: str
    growth: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """The benefit in a word."""
        if self.low > 0:
            return "helps"
        return "harms" if self.high < 0 else "no benefit shown"


def feature_benefits(
    job: Job, dataset: DatasetRef, split: Split, bundle: ModelBundle
) -> list[FeatureBenefit]:
    """Return the benefit of each feature on the holdout, the greatest first.

    The rows of the features are mixed up with the spec's seed. Of many rows, every n-th is taken.

    Args:
        job: The run.
        dataset: Its dataset version.
        split: The cuts of the training.
        bundle: The trained model.
    """
    matrix, labels = _holdout(job, dataset, split, bundle)
    step = -(-len(labels) // _MAX_ROWS) or 1
    found = benefits_of(job.spec.task, bundle, matrix[::step], labels[::step], job.spec.train.seed)
    return sorted(found, key=lambda each: -each.growth)


def benefits_of(
    task: Task, bundle: ModelBundle, matrix: Array, labels: Array, seed: int
) -> Iterator[FeatureBenefit]:
    """Yield the benefit of each feature.

    Args:
        task: The task.
        bundle: The model.
        matrix: Its encoded features, shape (rows, features).
        labels: Values or class codes, shape (rows,).
        seed: The seed that the rows are mixed up with.
    """
    if len(labels) < 2:
        return
    before = row_losses(task, labels, _predict(bundle, matrix))
    mean = float(before.mean())
    for number, name in enumerate(bundle.features.names[:_MAX_FEATURES]):
        random = np.random.default_rng([seed, number])
        growths = [
            _mixed_losses(task, bundle, matrix, labels, number, random) for _ in range(_REPEATS)
        ]
        yield _benefit(name, np.mean(growths, axis=0) - before, mean)


def _mixed_losses(
    task: Task,
    bundle: ModelBundle,
    matrix: Array,
    labels: Array,
    column: int,
    random: np.random.Generator,
) -> Array:
    mixed = matrix.copy()
    mixed[:, column] = random.permutation(mixed[:, column])
    return row_losses(task, labels, _predict(bundle, mixed))


def _benefit(name: str, growth: Array, loss: float) -> FeatureBenefit:
    scale = loss or 1.0
    middle = float(growth.mean()) / scale
    half = _Z * float(growth.std(ddof=1)) / np.sqrt(len(growth)) / scale
    return FeatureBenefit(name, middle, middle - half, middle + half)


def _predict(bundle: ModelBundle, matrix: Array) -> Array:
    return bundle.predict_matrix(matrix).astype(np.float64)


def _holdout(
    job: Job, dataset: DatasetRef, split: Split, bundle: ModelBundle
) -> tuple[Array, Array]:
    """Return the features and the labels of the holdout's rows with a known label."""
    lake = open_lake(job.environment, job.spec.model)
    matrices: list[Any] = []
    labels: list[Any] = []
    for day in dataset.partition_days(split.holdout_start, split.end):
        frame = lake.read_partition(dataset, day, split.holdout_start, split.end)
        encoded = encode_labels(frame[job.spec.ingest.label], bundle.manifest.classes)
        known = ~np.isnan(encoded)
        matrices.append(bundle.features.matrix(frame.filter(pl.Series(known))))
        labels.append(encoded[known])
    return np.concatenate(matrices), np.concatenate(labels)
