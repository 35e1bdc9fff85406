"""Shifts of columns between a live window and reference windows.

Windows are compared with windows of the same season (the weekday), so a weekly pattern is no shift.
The usual difference between windows of one season is measured on the reference: each window is
compared with the others of its season. The part beyond sampling is the variance between windows.
Shifts are tested by Student's t, with as many degrees of freedom as windows were compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from airworthy.handover import Shift
from airworthy.monitoring.bins import Bins, ColumnBins
from airworthy.monitoring.effects import effects
from airworthy.monitoring.window_summary import ColumnSummary, Summary, rows_of
from airworthy.spec.monitor_part import Drift


@dataclass(frozen=True)
class ReferenceWindow:
    """A window for comparison: its season and its summary."""

    season: Hashable
    summary: Summary


@dataclass(frozen=True)
class Reference:
    """The reference windows.

    Attributes:
        groups: The windows in groups of one season each; one group of all if not `seasonal`.
        matched: The windows of the live window's season; all windows if not `seasonal`.
        seasonal: Whether the windows are grouped by season.
    """

    groups: Sequence[Sequence[Summary]]
    matched: Sequence[Summary]
    seasonal: bool

    @property
    def rows(self) -> int:
        """The number of rows of the matched windows."""
        return sum(rows_of(summary) for summary in self.matched)


def select_reference(windows: Sequence[ReferenceWindow], season: Hashable) -> Reference | None:
    """Group reference windows by season.

    With fewer than two windows of the live window's season, all windows form one group.

    Returns:
        None for fewer than two windows: the usual difference between windows is then unknown.
    """
    if len(windows) < 2:
        return None
    groups: dict[Hashable, list[Summary]] = defaultdict(list)
    for window in windows:
        groups[window.season].append(window.summary)
    matched = groups.get(season, [])
    if len(matched) >= 2:
        return Reference(list(groups.values()), matched, seasonal=True)
    summaries = [window.summary for window in windows]
    return Reference([summaries], summaries, seasonal=False)


def measure_shifts(
    live: Summary, reference: Reference, bins: Bins, rules: Drift, importance: Mapping[str, float]
) -> list[Shift]:
    """Return the shift of every aspect of every column.

    Args:
        live: Summary of the live window.
        reference: The reference windows.
        bins: The bins of all summaries.
        rules: The thresholds.
        importance: Column -> share of the champion's gain. Other columns have none.
    """
    shifts: list[Shift] = []
    for name, column in bins.columns.items():
        groups = [[summary[name] for summary in group] for group in reference.groups]
        matched = reduce(add, (summary[name] for summary in reference.matched))
        limits = (rules.numeric if column.kind == "number" else rules.categorical).model_dump()
        variances, degrees_of_freedom = _variances_between_windows(groups, column)
        for aspect, effect in effects(live[name], matched, column).items():
            natural = float(np.sqrt(effect.noise + variances.get(aspect, 0.0)))
            shifts.append(
                Shift(
                    column=name,
                    aspect=aspect,
                    effect=effect.size,
                    threshold=limits[aspect],
                    natural=natural,
                    p_value=_p_value(effect.size, natural, degrees_of_freedom),
                    importance=importance.get(name, 0.0),
                )
            )
    return shifts


def _variances_between_windows(
    groups: Sequence[Sequence[ColumnSummary]], bins: ColumnBins
) -> tuple[dict[str, float], int]:
    """Return aspect -> variance between windows beyond sampling, and the degrees of freedom."""
    squares: dict[str, list[float]] = defaultdict(list)
    degrees_of_freedom = 0
    for group in groups:
        if len(group) < 2:
            continue
        degrees_of_freedom += len(group) - 1
        total = reduce(add, group)
        for window in group:
            for aspect, effect in effects(window, total - window, bins).items():
                squares[aspect].append(effect.size**2 - effect.noise)
    variances = {aspect: max(0.0, float(np.mean(values))) for aspect, values in squares.items()}
    return variances, max(degrees_of_freedom, 1)


def _p_value(size: float, natural: float, degrees_of_freedom: int) -> float:
    """Return the probability of a shift of at least this size without a change."""
    from scipy.stats import t

    if size == 0.0:
        return 1.0
    return float(2 * t.sf(size / natural, degrees_of_freedom)) if natural > 0 else 0.0
