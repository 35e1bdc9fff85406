"""The plots of a challenger on its holdout, as one figure.

Panels with one curve per model also show the champion and the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.curves import Curve, calibration, precision_recall, roc
from airworthy.evaluation.holdout import ScoredHoldout
from airworthy.evaluation.task_metrics import confusion
from airworthy.spec import ModelSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panels = Iterator["Axes"]
_COLOURS = {"challenger": "tab:blue", "champion": "tab:orange", "baseline": "tab:gray"}
_MAX_POINTS = 5000
_MAX_CURVES = 8
_MAX_CLASSES_WITH_NUMBERS = 15


def draw(
    spec: ModelSpec, scored: ScoredHoldout, importance: dict[str, float], classes: list[str]
) -> Figure:
    """Return the figure.

    No global state of matplotlib is used, so threads and forked tasks may draw.

    Args:
        spec: Names the task, the label and the decision threshold.
        scored: The holdout with every model's predictions.
        importance: Feature -> its share of the challenger's total gain.
        classes: The challenger's, in the order of codes; empty for a regression.
    """
    from matplotlib.figure import Figure

    lines = 2 if spec.task == "regression" else 3
    figure = Figure(figsize=(11, 4 * lines), layout="constrained")
    panels = iter(figure.subplots(lines, 2).ravel())
    if spec.task == "regression":
        _regression(spec, panels, scored)
    else:
        _classification(spec, panels, scored, classes)
    _importance(next(panels), importance)
    figure.suptitle(f"{spec.model}: challenger on {len(scored.labels):,} holdout rows")
    return figure


def _regression(spec: ModelSpec, panels: Panels, scored: ScoredHoldout) -> None:
    labels, predictions = scored.labels, scored.predictions["challenger"]
    step = max(1, len(labels) // _MAX_POINTS)
    low, high = float(labels.min()), float(labels.max())
    axes = next(panels)
    axes.plot(labels[::step], predictions[::step], ".", markersize=2, alpha=0.4)
    axes.plot([low, high], [low, high], color="black", linewidth=1)
    axes.set(title="predicted and actual", xlabel=f"actual {spec.ingest.label}", ylabel="predicted")
    _residuals(spec, next(panels), scored)
    axes = next(panels)
    axes.plot(predictions[::step], (labels - predictions)[::step], ".", markersize=2, alpha=0.4)
    axes.axhline(0, color="black", linewidth=1)
    axes.set(
        title="residual by prediction", xlabel=f"predicted {spec.ingest.label}", ylabel="residual"
    )


def _residuals(spec: ModelSpec, axes: Axes, scored: ScoredHoldout) -> None:
    """Draw the distribution of residuals.

    The outermost bins also hold the farthest thousandth at either end.
    """
    residuals = {
        role: scored.labels - predictions for role, predictions in scored.predictions.items()
    }
    low, high = np.quantile(np.concatenate(list(residuals.values())), [0.001, 0.999])
    edges = np.linspace(low, high, 61).tolist()
    for role, values in residuals.items():
        style: Any = "stepfilled" if role == "challenger" else "step"
        axes.hist(
            np.clip(values, edges[0], edges[-1]),
            bins=edges,
            histtype=style,
            color=_COLOURS[role],
            label=role,
        )
    axes.set(title="residuals", xlabel=f"actual - predicted {spec.ingest.label}", ylabel="rows")
    axes.legend()


def _classification(
    spec: ModelSpec, panels: Panels, scored: ScoredHoldout, classes: list[str]
) -> None:
    rows = _curve_rows(spec, scored, classes)
    suffix = ", each class against all others" if spec.task == "multiclass" else ""
    _roc(next(panels), {name: roc(*each) for name, each in rows.items()}, f"ROC{suffix}")
    curves = {name: precision_recall(*each) for name, each in rows.items()}
    _precision_recall(next(panels), curves, f"precision by recall{suffix}")
    _calibration(next(panels), {name: calibration(*each) for name, each in rows.items()})
    _probabilities(next(panels), scored, classes)
    threshold = spec.evaluate.decision_threshold
    matrix = confusion(scored.labels, scored.predictions["challenger"], threshold, len(classes))
    at = f", positive from {threshold:g}" if spec.task == "binary" else ""
    _confusion(next(panels), matrix, classes, f"confusion matrix of {spec.ingest.label}{at}")


def _curve_rows(
    spec: ModelSpec, scored: ScoredHoldout, classes: list[str]
) -> dict[str, tuple[Array, Array]]:
    """Return a name per curve -> the mask of positive rows, and their predicted probabilities.

    A binary task has a curve per model. A multiclass task has one per class, each against all
    others, for the challenger and its commonest classes.
    """
    labels, predictions = scored.labels, scored.predictions
    if spec.task == "binary":
        return {role: (labels == 1, probabilities) for role, probabilities in predictions.items()}
    counts = np.bincount(labels.astype(int), minlength=len(classes))
    codes = sorted(np.argsort(-counts, kind="stable")[:_MAX_CURVES].tolist())
    return {classes[code]: (labels == code, predictions["challenger"][:, code]) for code in codes}


def _roc(axes: Axes, curves: dict[str, Curve | None], title: str) -> None:
    _draw_curves(axes, curves, "AUC")
    axes.plot([0, 1], [0, 1], color="black", linewidth=1)
    axes.set(
        title=title,
        xlabel="false positive rate",
        ylabel="true positive rate",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )


def _precision_recall(axes: Axes, curves: dict[str, Curve | None], title: str) -> None:
    # Steps, as no point between two thresholds exists.
    _draw_curves(axes, curves, "average precision", drawstyle="steps-post")
    axes.set(title=title, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))


def _calibration(axes: Axes, curves: dict[str, Curve | None]) -> None:
    _draw_curves(axes, curves, "Brier score", marker="o", markersize=4)
    axes.plot([0, 1], [0, 1], color="black", linewidth=1)
    axes.set(
        title="calibration",
        xlabel="predicted probability, mean of a tenth of the rows",
        ylabel="observed share",
    )


def _draw_curves(axes: Axes, curves: dict[str, Curve | None], summary: str, **style: Any) -> None:
    """Draw the defined curves with a legend, or a text on why there is none."""
    for name, curve in curves.items():
        if curve is not None:
            axes.plot(
                curve.x,
                curve.y,
                label=f"{name}: {summary} {curve.summary:.3f}",
                color=_COLOURS.get(name),
                **style,
            )
    if any(curves.values()):
        axes.legend()
    else:
        axes.text(
            0.5,
            0.5,
            "not defined: all rows are of one class",
            ha="center",
            transform=axes.transAxes,
        )


def _probabilities(axes: Axes, scored: ScoredHoldout, classes: list[str]) -> None:
    predictions = scored.predictions["challenger"]
    edges = np.linspace(0, 1, 41).tolist()
    if predictions.ndim == 2:
        axes.hist(predictions.max(axis=1), bins=edges)
        axes.set(title="how sure it is", xlabel="probability of the predicted class", ylabel="rows")
        return
    by_class = [predictions[scored.labels == code] for code in range(len(classes))]
    axes.hist(by_class, bins=edges, stacked=True, label=[f"actual {name}" for name in classes])
    axes.set(title="probabilities by what came true", xlabel="predicted probability", ylabel="rows")
    axes.legend()


def _confusion(axes: Axes, matrix: Array, classes: list[str], title: str) -> None:
    axes.imshow(matrix, cmap="Blues")
    if len(classes) <= _MAX_CLASSES_WITH_NUMBERS:
        for row, column in np.ndindex(*matrix.shape):
            colour = "white" if matrix[row, column] > matrix.max() / 2 else "black"
            axes.text(
                column, row, f"{matrix[row, column]:,}", ha="center", va="center", color=colour
            )
    axes.set_xticks(range(len(classes)), classes, rotation=0 if sum(map(len, classes)) < 40 else 90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(title=title, xlabel="predicted", ylabel="actual")


def _importance(axes: Axes, importance: dict[str, float]) -> None:
    top = sorted(importance.items(), key=lambda item: item[1])[-15:]
    axes.barh([name for name, _ in top], [value for _, value in top])
    axes.set(
        title=f"importance{f', the {len(top)} largest' if len(top) < len(importance) else ''}",
        xlabel="share of the total gain",
    )
