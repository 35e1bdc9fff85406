"""The plot of the staleness curve: losses by holdout and over all, and the allowed loss."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from airworthy.staleness.curve import StalenessCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(curve: StalenessCurve) -> Figure:
    """Return the figure; no global state of matplotlib is used."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    _each_holdout(axes, curve)
    _all_holdouts(axes, curve)
    axes.axhline(
        curve.max_loss, color="tab:red", linewidth=1, label=f"allowed: {curve.max_loss:.0%}"
    )
    if curve.limit.age is not None:
        axes.axvline(
            curve.limit.age,
            color="tab:green",
            linestyle="--",
            label=f"limit: {curve.limit.age} days",
        )
    axes.set(
        title=f"{curve.model}: loss by age, holdouts up to {curve.end:%Y-%m-%d}",
        xlabel="age in days",
        ylabel=f"loss of {curve.metric} against a fresh model",
        xticks=[point.age for point in curve.points],
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.legend()
    return figure


def _each_holdout(axes: Axes, curve: StalenessCurve) -> None:
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for aged in curve.windows:
        points[f"{aged.as_of:%Y-%m-%d}"].append((aged.age, aged.loss))
    for number, name in enumerate(sorted(points)):
        ages, losses = zip(*sorted(points[name]), strict=True)
        label = "one holdout each" if number == 0 else None
        axes.plot(ages, losses, color="tab:gray", linewidth=0.8, alpha=0.7, label=label)


def _all_holdouts(axes: Axes, curve: StalenessCurve) -> None:
    ages = [point.age for point in curve.points]
    losses = [point.loss for point in curve.points]
    # The percentiles of a bootstrap need not enclose the point.
    below = [max(0.0, point.loss - point.low) for point in curve.points]
    above = [max(0.0, point.high - point.loss) for point in curve.points]
    label = f"all holdouts, {curve.confidence:.0%} interval"
    axes.errorbar(
        ages, losses, yerr=[below, above], marker="o", capsize=4, color="tab:blue", label=label
    )
