"""Metrics of each task, by scikit-learn.

Labels are float64, values or class codes. Predictions are as models return them: shape (rows,), or
(rows, classes) for a multiclass task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import LOWER_IS_BETTER, Task


@dataclass(frozen=True)
class TaskMetric:
    """One metric of a task; `threshold` is the decision threshold of a binary task.

    >>> TaskMetric("regression", "r2").sign
    -1.0
    """

    task: Task
    name: str
    threshold: float = 0.5

    @property
    def sign(self) -> float:
        """1 when a lower value is better, else -1."""
        return 1.0 if self.name in LOWER_IS_BETTER else -1.0


def measure(
    task: Task, labels: Array, predictions: Array, threshold: float = 0.5
) -> dict[str, float]:
    """Return the task's metrics.

    Args:
        task: Decides on the metrics.
        labels: Shape (rows,), at least one row.
        predictions: Shape (rows,), or (rows, classes) for a multiclass task.
        threshold: A binary prediction of at least this probability counts as positive.

    Returns:
        Metric name -> value. A metric that is not defined for these rows (an AUC with one class, an
        R² of one row) is missing.
    """
    if task == "regression":
        return _regression(labels, predictions)
    if task == "binary":
        return _binary(labels, predictions, threshold)
    return _multiclass(labels, predictions)


def decisions(predictions: Array, threshold: float) -> Array:
    """Return each row's decided class code, shape (rows,).

    >>> decisions(np.array([0.4, 0.5]), threshold=0.5).tolist()
    [0, 1]
    """
    if predictions.ndim == 2:
        return np.asarray(predictions.argmax(axis=1))
    return np.asarray((predictions >= threshold).astype(int))


def confusion(labels: Array, predictions: Array, threshold: float, classes: int) -> Array:
    """Return the confusion matrix: row = true class, column = predicted class.

    Args:
        labels: Class codes, shape (rows,).
        predictions: Shape (rows,), or (rows, classes) for a multiclass task.
        threshold: Decision threshold of a binary task.
        classes: The number of classes.
    """
    from sklearn.metrics import confusion_matrix

    codes = list(range(classes))
    decided = decisions(predictions, threshold)
    return np.asarray(confusion_matrix(labels.astype(int), decided, labels=codes))


def _regression(labels: Array, predictions: Array) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    metrics = {
        "rmse": float(root_mean_squared_error(labels, predictions)),
        "mae": float(mean_absolute_error(labels, predictions)),
    }
    if len(labels) > 1 and np.ptp(labels) > 0:
        metrics["r2"] = float(r2_score(labels, predictions))
    return metrics


def _binary(labels: Array, predictions: Array, threshold: float) -> dict[str, float]:
    from sklearn.metrics import log_loss, roc_auc_score

    metrics = {
        "log_loss": float(log_loss(labels, predictions.astype(np.float64), labels=[0, 1])),
        **_decision_metrics(labels, (predictions >= threshold).astype(float), "binary"),
    }
    if 0 < labels.sum() < len(labels):
        metrics["auc"] = float(roc_auc_score(labels, predictions))
    return metrics


def _multiclass(labels: Array, predictions: Array) -> dict[str, float]:
    from sklearn.metrics import log_loss

    probabilities = predictions.astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    codes = list(range(probabilities.shape[1]))
    return {
        "log_loss": float(log_loss(labels, probabilities, labels=codes)),
        **_decision_metrics(labels, probabilities.argmax(axis=1), "macro"),
        **_auc_of_classes(labels, probabilities),
    }


def _auc_of_classes(labels: Array, probabilities: Array) -> dict[str, float]:
    """Return the mean AUC of each class against all others.

    Classes of no row or of all rows do not count.
    """
    from sklearn.metrics import roc_auc_score

    codes = range(probabilities.shape[1])
    defined = [code for code in codes if 0 < (labels == code).sum() < len(labels)]
    if not defined:
        return {}
    scores = [roc_auc_score(labels == code, probabilities[:, code]) for code in defined]
    return {"auc": float(np.mean(scores))}


def _decision_metrics(labels: Array, decided: Array, average: str) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, decided, average=average, zero_division=0.0
    )
    return {
        "accuracy": float(accuracy_score(labels, decided)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }
