"""Metrics as functions of row weights, so that one matrix product measures every resample at once.

Every metric is written in weighted sums over rows; with all weights 1 it is the plain metric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import Task

Score = Callable[[Array], Array]


def weighted_metric(
    task: Task, metric: str, labels: Array, predictions: Array, threshold: float
) -> Score:
    """Return the metric as a function of row weights: (resamples, rows) -> (resamples,).

    Args:
        task: The task.
        metric: One of the task's metrics.
        labels: Shape (rows,).
        predictions: As models give them, of the same rows.
        threshold: Decision threshold of a binary task.
    """
    if metric == "auc":
        return (
            _auc_of_classes(labels, predictions)
            if task == "multiclass"
            else _auc(labels == 1, predictions)
        )
    if task == "regression":
        return _regression(metric, labels, predictions.astype(np.float64))
    if metric == "log_loss":
        return weighted_mean(-np.log(np.clip(_of_true_class(labels, predictions), 1e-15, 1.0)))
    decided = (
        predictions.argmax(axis=1)
        if task == "multiclass"
        else (predictions >= threshold).astype(int)
    )
    if metric == "accuracy":
        return weighted_mean((decided == labels).astype(float))
    classes = range(predictions.shape[1]) if task == "multiclass" else (1,)
    return _macro(metric, labels, decided, list(classes))


def _of_true_class(labels: Array, predictions: Array) -> Array:
    """Return the probability that was given to what came true, shape (rows,)."""
    if predictions.ndim == 1:
        return np.where(labels == 1, predictions, 1 - predictions)
    return np.asarray(
        predictions[np.arange(len(labels)), labels.astype(int)] / predictions.sum(axis=1)
    )


def weighted_mean(values: Array) -> Score:
    """Return the mean of the rows' values, shape (rows,), as a function of row weights."""
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1))


def _regression(metric: str, labels: Array, predictions: Array) -> Score:
    errors = labels - predictions
    if metric == "mae":
        return weighted_mean(np.abs(errors))
    squared = weighted_mean(errors**2)
    if metric == "rmse":
        return lambda weights: np.sqrt(squared(weights))
    mean, mean_square = weighted_mean(labels), weighted_mean(labels**2)
    return lambda weights: (
        1 - squared(weights) / np.maximum(mean_square(weights) - mean(weights) ** 2, 1e-12)
    )


def _macro(metric: str, labels: Array, decided: Array, classes: list[int]) -> Score:
    columns = [((decided == c) & (labels == c), decided == c, labels == c) for c in classes]

    def score(weights: Array) -> Array:
        found = [
            _one_class(metric, *(weights @ column.astype(float) for column in each))
            for each in columns
        ]
        return np.nan_to_num(
            _mean_of_defined(found)
        )  # as scikit-learn has it for rows without a single positive

    return score


def _one_class(metric: str, hits: Array, chosen: Array, actual: Array) -> Array:
    """Return one class's metric: 0 where it divides by nothing, NaN where the class neither is nor is decided."""
    below = {"precision": chosen, "recall": actual, "f1": (chosen + actual) / 2}[metric]
    found = np.divide(hits, below, out=np.zeros_like(hits), where=below > 0)
    return np.where(chosen + actual > 0, found, np.nan)


def _mean_of_defined(found: list[Array]) -> Array:
    """Return the mean over classes, of those that a resample has; NaN when it has none."""
    values = np.array(found)
    defined = ~np.isnan(values)
    counts = defined.sum(axis=0)
    sums = np.where(defined, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0))


def _auc_of_classes(labels: Array, predictions: Array) -> Score:
    """Return the mean over classes of the AUC of each against all others."""
    scores = [_auc(labels == code, predictions[:, code]) for code in range(predictions.shape[1])]
    return lambda weights: _mean_of_defined([score(weights) for score in scores])


def _auc(positives: Array, predictions: Array) -> Score:
    """Return the weighted AUC: the chance that a positive scores above a negative, ties counting half."""
    order = np.argsort(predictions, kind="stable")
    starts = np.flatnonzero(np.diff(predictions[order], prepend=-np.inf) > 0)
    positive = positives[order]

    def score(weights: Array) -> Array:
        ordered = weights[:, order]
        hits = np.add.reduceat(ordered * positive, starts, axis=1)
        misses = np.add.reduceat(ordered * ~positive, starts, axis=1)
        below = np.cumsum(misses, axis=1) - misses / 2
        pairs = hits.sum(axis=1) * misses.sum(axis=1)
        return np.asarray(
            np.divide(
                (hits * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
            )
        )

    return score
