"""Curves of a classifier's probabilities, by scikit-learn: ROC, precision by recall, calibration.

Labels tell the positive rows, shape (rows,), of bool; probabilities are what the model gives them, shape (rows,). A
curve of rows that are all positive, or all negative, is not defined, and None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array


@dataclass(frozen=True)
class Curve:
    """Points in the order in which they are joined, and one number that sums the curve up."""

    x: Array
    y: Array
    summary: float


def receiver(positives: Array, probabilities: Array) -> Curve | None:
    """Return the true positive rate by the false one; its summary is the area below it."""
    from sklearn.metrics import roc_auc_score, roc_curve

    if not _defined(positives):
        return None
    false_rate, true_rate, _ = roc_curve(positives, probabilities)
    return Curve(false_rate, true_rate, float(roc_auc_score(positives, probabilities)))


def precision_recall(positives: Array, probabilities: Array) -> Curve | None:
    """Return precision by recall; its summary is the average precision."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if not _defined(positives):
        return None
    precision, recall, _ = precision_recall_curve(positives, probabilities)
    return Curve(recall, precision, float(average_precision_score(positives, probabilities)))


def calibration(positives: Array, probabilities: Array) -> Curve | None:
    """Return what share came true by the mean probability, in tenths of the rows; its summary is the Brier score."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    if not _defined(positives):
        return None
    known = np.clip(
        probabilities, 0, 1
    )  # rounding may have left a sum of probabilities a hair above 1
    share, mean = calibration_curve(positives, known, n_bins=10, strategy="quantile")
    return Curve(mean, share, float(brier_score_loss(positives, known)))


def _defined(positives: Array) -> bool:
    return bool(0 < positives.sum() < len(positives))
