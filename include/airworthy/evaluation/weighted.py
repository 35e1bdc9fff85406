"""Metrics as functions of row weights: one matrix product measures every resample at once.

Every metric is written in weighted sums over rows. With all weights 1 it is the plain metric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.task_metrics import TaskMetric, decisions
from airworthy.training.row_losses import row_log_losses

# Takes row weights, shape (resamples, rows); returns the metric of each resample, shape
# (resamples,).
WeightedMetric = Callable[[Array], Array]


def weighted_metric(metric: TaskMetric, labels: Array, predictions: Array) -> WeightedMetric:
    """Return the metric as a function of row weights: (resamples, rows) -> (resamples,).

    Args:
        metric: One of the task's metrics.
        labels: Shape (rows,).
        predictions: As models return them, of the same rows.
    """
    multiclass = metric.task == "multiclass"
    if metric.name == "auc":
        return (_auc_of_classes if multiclass else _auc_of_binary)(labels, predictions)
    if metric.task == "regression":
        return _regression(metric.name, labels, predictions.astype(np.float64))
    if metric.name == "log_loss":
        return weighted_mean(row_log_losses(labels, _normalised(predictions)))
    decided = decisions(predictions, metric.threshold)
    if metric.name == "accuracy":
        return weighted_mean((decided == labels).astype(float))
    classes = list(range(predictions.shape[1])) if multiclass else [1]
    return _macro(metric.name, labels, decided, classes)


def weighted_mean(values: Array) -> WeightedMetric:
    """Return the mean of the rows' values, shape (rows,), as a function of row weights.

    >>> weighted_mean(np.array([1.0, 4.0]))(np.array([[1.0, 1.0], [2.0, 1.0]])).tolist()
    [2.5, 2.0]
    """
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1))


def _normalised(predictions: Array) -> Array:
    if predictions.ndim == 1:
        return predictions
    return np.asarray(predictions / predictions.sum(axis=1, keepdims=True))


def _regression(name: str, labels: Array, predictions: Array) -> WeightedMetric:
    errors = labels - predictions
    if name == "mae":
        return weighted_mean(np.abs(errors))
    squared = weighted_mean(errors**2)
    if name == "rmse":
        return lambda weights: np.sqrt(squared(weights))
    mean, mean_square = weighted_mean(labels), weighted_mean(labels**2)
    return lambda weights: (
        1 - squared(weights) / np.maximum(mean_square(weights) - mean(weights) ** 2, 1e-12)
    )


def _macro(name: str, labels: Array, decided: Array, classes: list[int]) -> WeightedMetric:
    columns = [
        ((decided == code) & (labels == code), decided == code, labels == code) for code in classes
    ]

    def score(weights: Array) -> Array:
        values = [
            _one_class(name, *(weights @ column.astype(float) for column in each))
            for each in columns
        ]
        # scikit-learn has 0 for rows without a positive.
        return np.nan_to_num(_mean_of_defined(values))

    return score


def _one_class(name: str, hits: Array, decided: Array, actual: Array) -> Array:
    """Return one class's metric: 0 for a zero denominator, NaN without actual and decided rows."""
    denominator = {"precision": decided, "recall": actual, "f1": (decided + actual) / 2}[name]
    values = np.divide(hits, denominator, out=np.zeros_like(hits), where=denominator > 0)
    return np.where(decided + actual > 0, values, np.nan)


def _mean_of_defined(values_by_class: list[Array]) -> Array:
    """Return the mean over the classes with a value in the resample; NaN when there is none."""
    values = np.array(values_by_class)
    defined = ~np.isnan(values)
    counts = defined.sum(axis=0)
    sums = np.where(defined, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0))


def _auc_of_classes(labels: Array, predictions: Array) -> WeightedMetric:
    """Return the mean over classes of the AUC of each against all others."""
    scores = [_auc(labels == code, predictions[:, code]) for code in range(predictions.shape[1])]
    return lambda weights: _mean_of_defined([score(weights) for score in scores])


def _auc_of_binary(labels: Array, predictions: Array) -> WeightedMetric:
    return _auc(labels == 1, predictions)


def _auc(positives: Array, predictions: Array) -> WeightedMetric:
    """Return the weighted AUC: the chance of a positive above a negative, ties counting half."""
    order = np.argsort(predictions, kind="stable")
    starts = np.flatnonzero(np.diff(predictions[order], prepend=-np.inf) > 0)
    positive = positives[order]

    def score(weights: Array) -> Array:
        ordered = weights[:, order]
        hits = np.add.reduceat(ordered * positive, starts, axis=1)
        misses = np.add.reduceat(ordered * ~positive, starts, axis=1)
        below = np.cumsum(misses, axis=1) - misses / 2
        pairs = hits.sum(axis=1) * misses.sum(axis=1)
        undefined = np.full(len(pairs), np.nan)
        return np.asarray(
            np.divide((hits * below).sum(axis=1), pairs, out=undefined, where=pairs > 0)
        )

    return score
