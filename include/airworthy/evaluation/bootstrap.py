"""How sure a difference between two models is: the paired bootstrap (Efron and Tibshirani 1993, chapter 16).

Both models are scored on the same resampled rows, so what is hard about a row cancels out. A resample is a vector of
row counts, and every metric is a function of weighted sums over rows.

Rows of one day share its weather, its holidays and its mood, so they say less than as many rows of different days
would: on hourly demand an interval made from rows alone is wrong four times as often as it claims. Two bootstraps
are made, one of rows and one of whole days, and the wider end of the two counts. A handful of days gives too narrow
percentiles; they are expanded as Hesterberg (2015, "What Teachers Should Know About the Bootstrap") does, to those
that Student's t would ask for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.weighted import Score, weighted_mean, weighted_metric
from airworthy.spec.evaluate_part import LOWER_IS_BETTER, Task

Draw = Callable[[int], Array]  # how many resamples -> row weights, shape (resamples, rows)

_CELLS_AT_ONCE = 8_000_000


def relative_loss(
    task: Task,
    metric: str,
    labels: Array,
    challenger: Array,
    reference: Array,
    *,
    days: Array,
    threshold: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[float, float, float]:
    """Return how much worse the challenger is than the reference, as a share of the reference's value.

    Args:
        task: The task.
        metric: One of the task's metrics.
        labels: Shape (rows,).
        challenger: Its predictions, as models give them.
        reference: The other model's predictions of the same rows.
        days: Which day each row is of, shape (rows,): any values, equal within a day.
        threshold: Decision threshold of a binary task.
        confidence: Of the two-sided interval, such as 0.95.
        resamples: How many, of rows and of days each.
        seed: Makes the interval reproducible.

    Returns:
        The point estimate and the interval's ends; positive is worse, whatever the metric's direction.
    """
    scores = [
        weighted_metric(task, metric, labels, predictions, threshold)
        for predictions in (challenger, reference)
    ]
    sign = 1.0 if metric in LOWER_IS_BETTER else -1.0
    return _interval(scores, days, sign, confidence=confidence, resamples=resamples, seed=seed)


def relative_cost(
    challenger: Array,
    reference: Array,
    *,
    days: Array,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[float, float, float]:
    """Return how much more the challenger's rows cost than the reference's, as `relative_loss` does for a metric.

    Args:
        challenger: Each row's cost, shape (rows,).
        reference: The other model's costs of the same rows.
        days: Which day each row is of, shape (rows,).
        confidence: Of the two-sided interval.
        resamples: How many, of rows and of days each.
        seed: Makes the interval reproducible.
    """
    scores = [weighted_mean(challenger), weighted_mean(reference)]
    return _interval(scores, days, 1.0, confidence=confidence, resamples=resamples, seed=seed)


def _interval(
    scores: list[Score], days: Array, sign: float, *, confidence: float, resamples: int, seed: int
) -> tuple[float, float, float]:
    rows, tail = len(days), (1 - confidence) / 2
    names, codes = np.unique(days, return_inverse=True)
    generator = np.random.default_rng(seed)

    def losses(draw: Draw) -> Array:
        block = max(1, _CELLS_AT_ONCE // rows)
        counts = [min(block, resamples - start) for start in range(0, resamples, block)]
        return np.concatenate(
            [_loss(sign, *(score(weights) for score in scores)) for weights in map(draw, counts)]
        )

    point = float(_loss(sign, *(score(np.ones((1, rows))) for score in scores))[0])
    low, high = _ends(losses(lambda count: _counts(generator, count, rows)), tail)
    if len(names) > 1:
        by_day = losses(lambda count: _counts(generator, count, len(names))[:, codes])
        ends = _ends(by_day, expanded_tail(tail, len(names)))
        low, high = min(low, ends[0]), max(high, ends[1])
    return point, low, high


def expanded_tail(tail: float, days: int) -> float:
    """Return the share to cut from each end of so many resampled days' losses, where `tail` is meant.

    A bootstrap of few days knows neither that a mean of n has a variance n / (n - 1) times what they show, nor that
    this variance is itself an estimate.

    Args:
        tail: The share meant, such as 0.025.
        days: At least 2.
    """
    from scipy.special import ndtr, stdtrit

    return float(ndtr(np.sqrt(days / (days - 1)) * stdtrit(days - 1, tail)))


def _ends(losses: Array, tail: float) -> tuple[float, float]:
    # The k-th of n draws leaves k / (n + 1) below it, so the ends are as rare as they should be with few resamples.
    low, high = np.nanquantile(losses, [tail, 1 - tail], method="weibull")
    return float(low), float(high)


def _counts(generator: np.random.Generator, resamples: int, size: int) -> Array:
    """Return how often each of `size` things is drawn in as many draws with replacement, shape (resamples, size)."""
    drawn = generator.integers(size, size=(resamples, size))
    drawn += np.arange(resamples)[:, None] * size
    return (
        np.bincount(drawn.ravel(), minlength=resamples * size)
        .reshape(resamples, size)
        .astype(np.float64)
    )


def _loss(sign: float, challenger: Array, reference: Array) -> Array:
    scale = np.maximum(np.abs(reference), 1e-12)
    return sign * (challenger - reference) / scale
