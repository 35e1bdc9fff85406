"""One picture of a challenger on its holdout, four panels, for people who would rather look than read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from airworthy.evaluation.metrics import confusion
from airworthy.spec import ModelSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]
_MOST_POINTS = 5000


def draw(
    spec: ModelSpec, labels: Array, predictions: Array, importance: dict[str, float], classes: list[str]
) -> Figure:
    """Return the figure; nothing global of matplotlib is touched, so threads and forked tasks may draw."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    panels = {"regression": _regression, "binary": _binary, "multiclass": _multiclass}
    panels[spec.task](spec, axes, labels, predictions, classes)
    _importance(axes[3], importance)
    figure.suptitle(f"{spec.model}: challenger on {len(labels):,} holdout rows")
    return figure


def _regression(spec: ModelSpec, axes: Any, labels: Array, predictions: Array, classes: list[str]) -> None:
    step = max(1, len(labels) // _MOST_POINTS)
    low, high = float(labels.min()), float(labels.max())
    axes[0].plot(labels[::step], predictions[::step], ".", markersize=2, alpha=0.4)
    axes[0].plot([low, high], [low, high], color="black", linewidth=1)
    axes[0].set(title="predicted and actual", xlabel=spec.ingest.label, ylabel="predicted")
    residuals = labels - predictions
    axes[1].hist(residuals, bins=60)
    axes[1].set(title="residuals (actual - predicted)", xlabel=spec.ingest.label)
    axes[2].plot(predictions[::step], residuals[::step], ".", markersize=2, alpha=0.4)
    axes[2].axhline(0, color="black", linewidth=1)
    axes[2].set(title="residual by prediction", xlabel="predicted", ylabel="residual")


def _binary(spec: ModelSpec, axes: Any, labels: Array, predictions: Array, classes: list[str]) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    false_rate, true_rate, _ = roc_curve(labels, predictions)
    precision, recall, _ = precision_recall_curve(labels, predictions)
    axes[0].plot(false_rate, true_rate, label="ROC")
    axes[0].plot(recall, precision, label="precision by recall")
    axes[0].set(title="ROC and precision-recall", xlim=(0, 1), ylim=(0, 1.02))
    axes[0].legend()
    share, mean = calibration_curve(labels, np.clip(predictions, 0, 1), n_bins=10, strategy="quantile")
    axes[1].plot([0, 1], [0, 1], color="black", linewidth=1)
    axes[1].plot(mean, share, marker="o")
    axes[1].set(title="calibration", xlabel="predicted probability", ylabel="observed share")
    _confusion(axes[2], confusion(labels, predictions, spec.evaluate.decision_threshold, 2), ["0", "1"])


def _multiclass(spec: ModelSpec, axes: Any, labels: Array, predictions: Array, classes: list[str]) -> None:
    counts = np.bincount(labels.astype(int), minlength=len(classes))
    axes[0].bar(classes, counts)
    axes[0].set(title="holdout rows by class")
    axes[1].hist(predictions.max(axis=1), bins=40)
    axes[1].set(title="probability of the predicted class")
    _confusion(axes[2], confusion(labels, predictions, spec.evaluate.decision_threshold, len(classes)), classes)


def _confusion(axes: Axes, matrix: Array, classes: list[str]) -> None:
    axes.imshow(matrix, cmap="Blues")
    for row, column in np.ndindex(*matrix.shape):
        ink = "white" if matrix[row, column] > matrix.max() / 2 else "black"
        axes.text(column, row, f"{matrix[row, column]:,}", ha="center", va="center", color=ink)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(title="confusion matrix", xlabel="predicted", ylabel="actual")


def _importance(axes: Axes, importance: dict[str, float]) -> None:
    top = sorted(importance.items(), key=lambda item: item[1])[-15:]
    axes.barh([name for name, _ in top], [value for _, value in top])
    axes.set(title="importance (share of total gain)")
