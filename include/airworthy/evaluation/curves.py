"""Curves of a classifier's probabilities, by scikit-learn: ROC, precision by recall, calibration.

Labels are the mask of positive rows, shape (rows,). Probabilities are the model's, shape (rows,). A
curve is None when all rows are positive or all are negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array


@dataclass(frozen=True)
class Curve:
    """Points in the order of the line through them, and one number as the curve's summary."""

    x: Array
    y: Array
    summary: float


def roc(positives: Array, probabilities: Array) -> Curve | None:
    """Return the true positive rate by the false positive rate; the summary is the area."""
    from sklearn.metrics import roc_auc_score, roc_curve

    if not _is_defined(positives):
        return None
    false_rate, true_rate, _ = roc_curve(positives, probabilities)
    return Curve(false_rate, true_rate, float(roc_auc_score(positives, probabilities)))


def precision_recall(positives: Array, probabilities: Array) -> Curve | None:
    """Return precision by recall; the summary is the average precision."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if not _is_defined(positives):
        return None
    precision, recall, _ = precision_recall_curve(positives, probabilities)
    return Curve(recall, precision, float(average_precision_score(positives, probabilities)))


def calibration(positives: Array, probabilities: Array) -> Curve | None:
    """Return the observed share by mean probability, in tenths of the rows.

    The summary is the Brier score.
    """
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    if not _is_defined(positives):
        return None
    # Rounding may leave a sum of probabilities a hair above 1.
    clipped = np.clip(probabilities, 0, 1)
    share, mean = calibration_curve(positives, clipped, n_bins=10, strategy="quantile")
    return Curve(mean, share, float(brier_score_loss(positives, clipped)))


def _is_defined(positives: Array) -> bool:
    return bool(0 < positives.sum() < len(positives))
