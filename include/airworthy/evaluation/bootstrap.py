"""The uncertainty of a difference between two models: the paired bootstrap.

Source: Efron and Tibshirani 1993, chapter 16.

Both models are scored on the same resampled rows, so the difficulty of a row cancels out. A
resample is a vector of row counts, and every metric is a function of weighted sums over rows.

Rows of one day share its weather and its holidays, so they say less than as many rows of different
days would: on hourly demand an interval made from rows alone is wrong four times as often as it
claims. There are two bootstraps, one of rows and one of whole days, and the wider end of the two
counts. A few days give too narrow percentiles. They are expanded to those of Student's t, as in
Hesterberg (2015, "What Teachers Should Know About the Bootstrap").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.task_metrics import TaskMetric
from airworthy.evaluation.weighted import WeightedMetric, weighted_mean, weighted_metric
from airworthy.gates.non_inferiority import Loss
from airworthy.spec import ModelSpec

Draw = Callable[[int], Array]  # number of resamples -> row weights, shape (resamples, rows)

_MAX_CELLS = 8_000_000  # of a weight matrix in memory


@dataclass(frozen=True)
class BootstrapSettings:
    """Settings of both bootstraps.

    Attributes:
        confidence: Of the two-sided interval, such as 0.95.
        resamples: The number of resamples, of rows and of days each.
        seed: Makes the interval reproducible.
    """

    confidence: float
    resamples: int
    seed: int

    @classmethod
    def of(cls, spec: ModelSpec) -> BootstrapSettings:
        """Return a spec's settings."""
        return cls(spec.evaluate.confidence, spec.evaluate.resamples, spec.train.seed)


def relative_loss(
    metric: TaskMetric,
    labels: Array,
    challenger: Array,
    reference: Array,
    *,
    days: Array,
    settings: BootstrapSettings,
) -> Loss:
    """Return how much worse the challenger is, as a share of the reference's value.

    Args:
        metric: One of the task's metrics.
        labels: Shape (rows,).
        challenger: Its predictions, as models return them.
        reference: The other model's predictions of the same rows.
        days: The day of each row, shape (rows,): any values, equal within a day.
        settings: Of the bootstrap.

    Returns:
        The point estimate and the interval's ends; positive is worse, whatever the metric's
        direction.
    """
    scores = (
        weighted_metric(metric, labels, challenger),
        weighted_metric(metric, labels, reference),
    )
    return _Bootstrap(scores, metric.sign, days).loss(settings)


def relative_cost(
    challenger: Array, reference: Array, *, days: Array, settings: BootstrapSettings
) -> Loss:
    """Return how much more the challenger's rows cost, like `relative_loss` for a metric.

    Args:
        challenger: Each row's cost, shape (rows,).
        reference: The other model's costs of the same rows.
        days: The day of each row, shape (rows,).
        settings: Of the bootstrap.
    """
    scores = (weighted_mean(challenger), weighted_mean(reference))
    return _Bootstrap(scores, 1.0, days).loss(settings)


def expanded_tail(tail: float, days: int) -> float:
    """Return the share to cut from each end of resampled days' losses for a true share of `tail`.

    A bootstrap ignores two things when days are few: a mean of n has a variance n / (n - 1) times
    the sample's, and this variance is itself an estimate.

    Args:
        tail: The intended share, such as 0.025.
        days: At least 2.
    """
    from scipy.special import ndtr, stdtrit

    return float(ndtr(np.sqrt(days / (days - 1)) * stdtrit(days - 1, tail)))


@dataclass(frozen=True)
class _Bootstrap:
    """The bootstrap of two models' scores, challenger first; `sign` is 1 if lower is better."""

    scores: tuple[WeightedMetric, WeightedMetric]
    sign: float
    days: Array

    def loss(self, settings: BootstrapSettings) -> Loss:
        """Return the point estimate with the wider ends of both bootstraps."""
        rows, tail = len(self.days), (1 - settings.confidence) / 2
        names, codes = np.unique(self.days, return_inverse=True)
        generator = np.random.default_rng(settings.seed)
        point = float(self._losses(np.ones((1, rows)))[0])
        by_row = self._resampled(settings.resamples, lambda n: _counts(generator, n, rows))
        low, high = _ends(by_row, tail)
        if len(names) > 1:
            by_day = self._resampled(
                settings.resamples, lambda n: _counts(generator, n, len(names))[:, codes]
            )
            ends = _ends(by_day, expanded_tail(tail, len(names)))
            low, high = min(low, ends[0]), max(high, ends[1])
        return Loss(point, low, high)

    def _resampled(self, resamples: int, draw: Draw) -> Array:
        """Return the losses of all resamples, drawn in blocks that fit in memory."""
        block = max(1, _MAX_CELLS // len(self.days))
        counts = [min(block, resamples - start) for start in range(0, resamples, block)]
        return np.concatenate([self._losses(draw(count)) for count in counts])

    def _losses(self, weights: Array) -> Array:
        challenger, reference = (score(weights) for score in self.scores)
        scale = np.maximum(np.abs(reference), 1e-12)
        return np.asarray(self.sign * (challenger - reference) / scale)


def _ends(losses: Array, tail: float) -> tuple[float, float]:
    # The k-th of n draws leaves k / (n + 1) below it, so the ends are as rare as they should be
    # with few resamples.
    low, high = np.nanquantile(losses, [tail, 1 - tail], method="weibull")
    return float(low), float(high)


def _counts(generator: np.random.Generator, resamples: int, size: int) -> Array:
    """Return the counts of `size` items in `size` draws with replacement.

    Shape (resamples, size).
    """
    drawn = generator.integers(size, size=(resamples, size))
    drawn += np.arange(resamples)[:, None] * size
    counts = np.bincount(drawn.ravel(), minlength=resamples * size)
    return counts.reshape(resamples, size).astype(np.float64)
