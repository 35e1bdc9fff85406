"""How sure a difference between two models is: the paired bootstrap (Efron and Tibshirani 1993, chapter 16).

Both models are scored on the same resampled rows, so what is hard about a row cancels out. Every metric is written
as a function of weighted sums over rows, and a resample is a vector of row counts: one matrix product does them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from airworthy.spec.gates import LOWER_IS_BETTER, Task

Array = np.ndarray[Any, np.dtype[Any]]
Score = Callable[[Array], Array]

_CELLS_AT_ONCE = 8_000_000


def relative_loss(
    task: Task, metric: str, labels: Array, challenger: Array, reference: Array, *,
    threshold: float, confidence: float, resamples: int, seed: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Return how much worse the challenger is than the reference, as a share of the reference's value.

    Args:
        task: The task.
        metric: One of the task's metrics.
        labels: Shape (rows,).
        challenger: Its predictions, as models give them.
        reference: The other model's predictions of the same rows.
        threshold: Decision threshold of a binary task.
        confidence: Of the two-sided percentile interval, such as 0.95.
        resamples: How many.
        seed: Makes the interval reproducible.

    Returns:
        The point estimate and the interval's ends; positive is worse, whatever the metric's direction.
    """
    scores = [_score(task, metric, labels, predictions, threshold) for predictions in (challenger, reference)]
    sign = 1.0 if metric in LOWER_IS_BETTER else -1.0
    return _interval(scores, len(labels), sign, confidence=confidence, resamples=resamples, seed=seed)


def relative_cost(
    challenger: Array, reference: Array, *, confidence: float, resamples: int, seed: int
) -> tuple[float, float, float]:
    """Return how much more the challenger's rows cost than the reference's, as `relative_loss` does for a metric.

    Args:
        challenger: Each row's cost, shape (rows,).
        reference: The other model's costs of the same rows.
        confidence: Of the two-sided percentile interval.
        resamples: How many.
        seed: Makes the interval reproducible.
    """
    scores = [_mean(challenger), _mean(reference)]
    return _interval(scores, len(challenger), 1.0, confidence=confidence, resamples=resamples, seed=seed)


def _interval(
    scores: list[Score], rows: int, sign: float, *, confidence: float, resamples: int, seed: int
) -> tuple[float, float, float]:
    point = _loss(sign, *(score(np.ones((1, rows))) for score in scores))
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // rows)
    found = []
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        weights = generator.multinomial(rows, np.full(rows, 1 / rows), size=count).astype(float)
        found.append(_loss(sign, *(score(weights) for score in scores)))
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(np.concatenate(found), [tail, 1 - tail])
    return float(point[0]), float(low), float(high)


def _loss(sign: float, challenger: Array, reference: Array) -> Array:
    scale = np.maximum(np.abs(reference), 1e-12)
    return sign * (challenger - reference) / scale


def _score(task: Task, metric: str, labels: Array, predictions: Array, threshold: float) -> Score:
    """Return the metric as a function of row weights: (resamples, rows) -> (resamples,)."""
    if metric == "auc":
        return _auc(labels, predictions)
    if task == "regression":
        return _regression(metric, labels, predictions.astype(np.float64))
    probabilities = predictions if predictions.ndim == 2 else np.column_stack([1 - predictions, predictions])
    if metric == "log_loss":
        chosen = probabilities[np.arange(len(labels)), labels.astype(int)] / probabilities.sum(axis=1)
        return _mean(-np.log(np.clip(chosen, 1e-15, 1.0)))
    decided = probabilities.argmax(axis=1) if task == "multiclass" else (predictions >= threshold).astype(int)
    if metric == "accuracy":
        return _mean((decided == labels).astype(float))
    classes = range(probabilities.shape[1]) if task == "multiclass" else (1,)
    return _macro(metric, labels, decided, list(classes))


def _mean(values: Array) -> Score:
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1))


def _regression(metric: str, labels: Array, predictions: Array) -> Score:
    errors = labels - predictions
    if metric == "mae":
        return _mean(np.abs(errors))
    squared = _mean(errors**2)
    if metric == "rmse":
        return lambda weights: np.sqrt(squared(weights))
    mean, mean_square = _mean(labels), _mean(labels**2)
    return lambda weights: 1 - squared(weights) / np.maximum(mean_square(weights) - mean(weights) ** 2, 1e-12)


def _macro(metric: str, labels: Array, decided: Array, classes: list[int]) -> Score:
    columns = [((decided == c) & (labels == c), decided == c, labels == c) for c in classes]

    def score(weights: Array) -> Array:
        found = [_one_class(metric, *(weights @ column.astype(float) for column in each)) for each in columns]
        return np.asarray(np.mean(found, axis=0))

    return score


def _one_class(metric: str, hits: Array, chosen: Array, actual: Array) -> Array:
    below = {"precision": chosen, "recall": actual, "f1": (chosen + actual) / 2}[metric]
    return np.asarray(np.divide(hits, below, out=np.zeros_like(hits), where=below > 0))


def _auc(labels: Array, predictions: Array) -> Score:
    """Return the weighted AUC: the chance that a positive scores above a negative, ties counting half."""
    order = np.argsort(predictions, kind="stable")
    starts = np.flatnonzero(np.diff(predictions[order], prepend=-np.inf) > 0)
    positive = labels[order] == 1

    def score(weights: Array) -> Array:
        ordered = weights[:, order]
        hits = np.add.reduceat(ordered * positive, starts, axis=1)
        misses = np.add.reduceat(ordered * ~positive, starts, axis=1)
        below = np.cumsum(misses, axis=1) - misses / 2
        pairs = hits.sum(axis=1) * misses.sum(axis=1)
        return np.asarray(
            np.divide((hits * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
        )

    return score
