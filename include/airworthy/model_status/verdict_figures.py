"""The gates and slices of a verdict, as they are drawn. Pure."""

from __future__ import annotations

import re

from airworthy.handover import GateOutcome, Verdict
from airworthy.model_status.model_history import GateFigure, SliceFigure
from airworthy.spec.evaluate_part import KPI, METRICS

_NAME = re.compile(
    r"^(?P<metric>\w+)(?: against (?P<against>champion|baseline))?"
    r"(?: in every (?P<slice>.+?))?(?: \(default\))?$"
)
"""The form of `Gate.name`."""
_BOUNDS = re.compile(r"\((?:at least \S+ and )?at (?P<last>least|most) \S+ (?:required|allowed)\)$")
"""The end of a reason: ``(at most 8 allowed)``."""
_METRICS = frozenset({KPI, *(name for names in METRICS.values() for name in names)})
_ROWS = "rows"


def gate_figures(verdict: Verdict) -> list[GateFigure]:
    """Return the gates of a verdict, in its order."""
    return [_gate_figure(each) for each in verdict.gates]


def slice_figures(verdict: Verdict) -> list[SliceFigure]:
    """Return each metric of each slice of a verdict's holdout."""
    return [
        SliceFigure(column, name, int(metrics.get(_ROWS, 0)), metric, value)
        for column, slices in verdict.slices.items()
        for name, metrics in slices.items()
        for metric, value in metrics.items()
        if metric != _ROWS
    ]


def _gate_figure(outcome: GateOutcome) -> GateFigure:
    match = _NAME.match(outcome.gate)
    known = match if match is not None and match["metric"] in _METRICS else None
    against = known["against"] if known else None
    low, high = outcome.interval or (None, None)
    return GateFigure(
        gate=outcome.gate,
        metric=known["metric"] if known else None,
        slice=known["slice"] if known else None,
        against=against,
        outcome=outcome.outcome,
        value=outcome.value,
        lower=low,
        upper=high,
        threshold=outcome.threshold,
        passes_above=_passes_above(outcome, known is not None, against),
        reason=outcome.reason,
    )


def _passes_above(outcome: GateOutcome, is_metric: bool, against: str | None) -> bool | None:
    """Return whether values above the threshold pass.

    The reason of a gate on all rows or in slices names its bounds at the end. Of two, the threshold
    is the upper one. None: the reason names no bound, such as that of slices with too few rows.
    """
    if outcome.threshold is None:
        return None
    if not is_metric or against == "champion":
        return False
    if against == "baseline":
        return True
    bounds = _BOUNDS.search(outcome.reason)
    return None if bounds is None else bounds["last"] == "least"
