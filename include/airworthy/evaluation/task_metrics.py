"""Each task's metrics, by scikit-learn. Labels are float64 (values or class codes), predictions as models give them."""

from __future__ import annotations

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import Task


def measure(
    task: Task, labels: Array, predictions: Array, threshold: float = 0.5
) -> dict[str, float]:
    """Return the task's metrics.

    Args:
        task: Decides which metrics.
        labels: Shape (rows,), at least one row.
        predictions: Shape (rows,), or (rows, classes) for a multiclass task.
        threshold: A binary prediction of at least this probability counts as positive.

    Returns:
        Metric name -> value. A metric that is not defined for these rows (an AUC with one class, an R² of one row) is
        left out.
    """
    if task == "regression":
        return _regression(labels, predictions)
    if task == "binary":
        return _binary(labels, predictions, threshold)
    return _multiclass(labels, predictions)


def _regression(labels: Array, predictions: Array) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    found = {
        "rmse": float(root_mean_squared_error(labels, predictions)),
        "mae": float(mean_absolute_error(labels, predictions)),
    }
    if len(labels) > 1 and np.ptp(labels) > 0:
        found["r2"] = float(r2_score(labels, predictions))
    return found


def _binary(labels: Array, predictions: Array, threshold: float) -> dict[str, float]:
    from sklearn.metrics import log_loss, roc_auc_score

    found = {
        "log_loss": float(log_loss(labels, predictions.astype(np.float64), labels=[0, 1])),
        **_decisions(labels, (predictions >= threshold).astype(float), "binary"),
    }
    if 0 < labels.sum() < len(labels):
        found["auc"] = float(roc_auc_score(labels, predictions))
    return found


def _multiclass(labels: Array, predictions: Array) -> dict[str, float]:
    from sklearn.metrics import log_loss

    rows = predictions.astype(np.float64)
    rows /= rows.sum(axis=1, keepdims=True)
    return {
        "log_loss": float(log_loss(labels, rows, labels=list(range(rows.shape[1])))),
        **_decisions(labels, rows.argmax(axis=1), "macro"),
        **_auc_of_classes(labels, rows),
    }


def _auc_of_classes(labels: Array, rows: Array) -> dict[str, float]:
    """Return the mean AUC of each class against all others, over the classes that some rows have and some have not."""
    from sklearn.metrics import roc_auc_score

    codes = [code for code in range(rows.shape[1]) if 0 < (labels == code).sum() < len(labels)]
    return (
        {"auc": float(np.mean([roc_auc_score(labels == code, rows[:, code]) for code in codes]))}
        if codes
        else {}
    )


def _decisions(labels: Array, decided: Array, average: str) -> dict[str, float]:
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


def confusion(labels: Array, predictions: Array, threshold: float, classes: int) -> Array:
    """Return the confusion matrix, shape (classes, classes): row = true class, column = predicted class."""
    from sklearn.metrics import confusion_matrix

    decided = (
        predictions.argmax(axis=1)
        if predictions.ndim == 2
        else (predictions >= threshold).astype(int)
    )
    return np.asarray(confusion_matrix(labels.astype(int), decided, labels=list(range(classes))))
