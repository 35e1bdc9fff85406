"""The loss of each row: squared errors for a regression, else log losses."""

from __future__ import annotations

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import Task


def row_losses(task: Task, labels: Array, predictions: Array) -> Array:
    """Return each row's loss, shape (rows,).

    Args:
        task: The task.
        labels: Values or class codes, shape (rows,), without NaN.
        predictions: Shape (rows,), or (rows, classes) for a multiclass task.
    """
    if task == "regression":
        return np.asarray((labels - predictions) ** 2)
    return row_log_losses(labels, predictions)


def row_log_losses(labels: Array, predictions: Array) -> Array:
    """Return each row's log loss, shape (rows,). Probabilities below 1e-15 count as 1e-15.

    >>> row_log_losses(np.array([1.0, 0.0]), np.array([0.5, 0.75])).round(3).tolist()
    [0.693, 1.386]
    """
    if predictions.ndim == 1:
        probabilities = np.where(labels == 1, predictions, 1 - predictions)
    else:
        probabilities = predictions[np.arange(len(labels)), labels.astype(int)]
    return np.asarray(-np.log(np.clip(probabilities, 1e-15, 1.0)))
