"""Small pictures as numbers for SVG: intervals of gates, and lines of drift. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from airworthy.model_status.model_history import DriftFigure, GateFigure, SliceFigure

WIDTH, HEIGHT = 200.0, 28.0
_MARGIN = 0.12


@dataclass(frozen=True)
class GateDrawing:
    """A gate's interval and threshold as x coordinates between 0 and `WIDTH`.

    `passing` is the x and the width of the part that passes.
    """

    value: float | None
    lower: float | None
    upper: float | None
    threshold: float
    passing: tuple[float, float] | None


def gate_drawing(gate: GateFigure) -> GateDrawing | None:
    """Return a gate's drawing; None without a threshold, or without a value beside it."""
    figures = [gate.value, gate.lower, gate.upper, gate.threshold]
    finite = [figure for figure in figures if figure is not None and isfinite(figure)]
    if gate.threshold is None or not isfinite(gate.threshold) or len(finite) < 2:
        return None
    low, high = min(finite), max(finite)
    spread = (high - low) or abs(high) or 1.0
    start, span = low - spread * _MARGIN, spread * (1 + 2 * _MARGIN)

    def place(figure: float | None) -> float | None:
        if figure is None or not isfinite(figure):
            return None
        return round((figure - start) / span * WIDTH, 2)

    threshold = place(gate.threshold) or 0.0
    passing = None
    if gate.passes_above is not None:
        above = (threshold, round(WIDTH - threshold, 2))
        passing = above if gate.passes_above else (0.0, threshold)
    return GateDrawing(place(gate.value), place(gate.lower), place(gate.upper), threshold, passing)


@dataclass(frozen=True)
class DriftLine:
    """A column's windows: its newest shift, and all of them as points of an SVG polyline.

    The points are shares of the threshold, which is at `threshold_y`. `share` is the newest one.
    """

    newest: DriftFigure
    windows: int
    share: float
    points: str
    last_x: float
    last_y: float
    threshold_y: float


def drift_lines(figures: Sequence[DriftFigure]) -> list[DriftLine]:
    """Return a line for each column and signal: those that drifted first, then by their share."""
    columns: dict[tuple[str, str], list[DriftFigure]] = {}
    for figure in figures:
        columns.setdefault((figure.signal, figure.column), []).append(figure)
    lines = [_line(each) for each in columns.values()]
    return sorted(lines, key=lambda line: (not line.newest.drifted, -line.share))


def _share(figure: DriftFigure) -> float:
    share = figure.value / figure.threshold if figure.threshold else figure.value
    return share if isfinite(share) else 0.0


def _line(figures: list[DriftFigure]) -> DriftLine:
    shares = [_share(figure) for figure in figures]
    low, high = min([*shares, 0.0]), max([*shares, 1.0])
    step = WIDTH / max(len(shares) - 1, 1)
    places = [
        (round(index * step, 1), _height(share, low, high)) for index, share in enumerate(shares)
    ]
    return DriftLine(
        newest=figures[-1],
        windows=len(figures),
        share=shares[-1],
        points=" ".join(f"{x},{y}" for x, y in places),
        last_x=places[-1][0],
        last_y=places[-1][1],
        threshold_y=_height(1.0, low, high),
    )


def _height(value: float, low: float, high: float) -> float:
    share = (value - low) / ((high - low) or 1.0)
    return round(HEIGHT - 3 - share * (HEIGHT - 6), 1)


@dataclass(frozen=True)
class SliceRow:
    """A slice: its rows, a value for each metric, and the width of the first metric's bar."""

    column: str
    slice: str
    rows: int
    values: list[float | None]
    width: float


@dataclass(frozen=True)
class SliceTable:
    """The slices of a holdout, one row each. `metrics` are the titles of the values."""

    metrics: list[str]
    rows: list[SliceRow]


def slice_table(figures: Sequence[SliceFigure], first: str | None) -> SliceTable:
    """Return a row for each slice. The longest bar of a column is `WIDTH` wide.

    Args:
        figures: The slices' figures.
        first: The metric that comes first and is drawn; None: that of the first figure.
    """
    names = dict.fromkeys(figure.metric for figure in figures)
    metrics = sorted(names, key=lambda name: name != first)
    slices: dict[tuple[str, str], dict[str, SliceFigure]] = {}
    for figure in figures:
        slices.setdefault((figure.column, figure.slice), {})[figure.metric] = figure
    largest: dict[str, float] = {}
    for (column, _), found in slices.items():
        largest[column] = max(largest.get(column, 0.0), _size(found, metrics))
    rows = [
        SliceRow(
            column=column,
            slice=name,
            rows=next(iter(found.values())).rows,
            values=[found[metric].value if metric in found else None for metric in metrics],
            width=round(_size(found, metrics) / (largest[column] or 1.0) * WIDTH, 1),
        )
        for (column, name), found in slices.items()
    ]
    return SliceTable(metrics, rows)


def _size(found: dict[str, SliceFigure], metrics: list[str]) -> float:
    value = found[metrics[0]].value if metrics[0] in found else 0.0
    return abs(value) if isfinite(value) else 0.0
