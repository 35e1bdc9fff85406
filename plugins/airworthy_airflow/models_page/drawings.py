"""Small pictures as numbers for SVG: intervals of gates, and lines of drift. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from airworthy.model_status.model_history import DriftFigure, GateFigure

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
    """A signal's windows: its newest figure, and all of them as points of an SVG polyline."""

    newest: DriftFigure
    windows: int
    points: str
    last_x: float
    last_y: float
    threshold_y: float | None


def drift_lines(figures: Sequence[DriftFigure]) -> list[DriftLine]:
    """Return a line for each signal: those that drifted first, then by their distance to it."""
    signals: dict[str, list[DriftFigure]] = {}
    for figure in figures:
        signals.setdefault(figure.signal, []).append(figure)
    lines = [_line(each) for each in signals.values()]
    return sorted(lines, key=lambda line: (not line.newest.drifted, -_share(line.newest)))


def _share(figure: DriftFigure) -> float:
    return figure.value / figure.threshold if figure.threshold else figure.value


def _line(figures: list[DriftFigure]) -> DriftLine:
    newest = figures[-1]
    values = [figure.value if isfinite(figure.value) else 0.0 for figure in figures]
    high = max([*values, newest.threshold or 0.0]) or 1.0
    low = min([*values, 0.0])
    step = WIDTH / max(len(values) - 1, 1)
    places = [
        (round(index * step, 1), _height(value, low, high)) for index, value in enumerate(values)
    ]
    return DriftLine(
        newest=newest,
        windows=len(figures),
        points=" ".join(f"{x},{y}" for x, y in places),
        last_x=places[-1][0],
        last_y=places[-1][1],
        threshold_y=None if newest.threshold is None else _height(newest.threshold, low, high),
    )


def _height(value: float, low: float, high: float) -> float:
    share = (value - low) / ((high - low) or 1.0)
    return round(HEIGHT - 3 - share * (HEIGHT - 6), 1)
