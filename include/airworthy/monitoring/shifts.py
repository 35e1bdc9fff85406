"""A live window against reference windows: how far each column moved, measured by how windows differ anyway.

Windows are compared with those of the same season (the weekday), so what every week brings is no shift. How much
windows of one season differ from each other without a reason is measured on the reference: each of its windows is
compared with the others of its season. What sampling explains is taken off, the rest is how the world varies from
window to window. A shift is then judged by Student's t, with as many degrees of freedom as windows were compared.
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
    """A window that the live one may be compared with: its season and its summary."""

    season: Hashable
    summary: Summary


@dataclass(frozen=True)
class Reference:
    """The reference windows, in groups of one season; `matched` are those of the live window's season."""

    groups: Sequence[Sequence[Summary]]
    matched: Sequence[Summary]
    seasonal: bool

    @property
    def rows(self) -> int:
        """Rows that the live window is compared with."""
        return sum(rows_of(summary) for summary in self.matched)


def match(windows: Sequence[ReferenceWindow], season: Hashable) -> Reference | None:
    """Group reference windows by season; without two of the live window's season all of them are one group.

    Returns:
        None when there are not even two windows: how windows differ is not known then.
    """
    if len(windows) < 2:
        return None
    groups: dict[Hashable, list[Summary]] = defaultdict(list)
    for window in windows:
        groups[window.season].append(window.summary)
    if len(groups[season]) >= 2:
        return Reference(
            [group for group in groups.values() if group], groups[season], seasonal=True
        )
    everything = [window.summary for window in windows]
    return Reference([everything], everything, seasonal=False)


def find_shifts(
    live: Summary, reference: Reference, bins: Bins, drift: Drift, importance: Mapping[str, float]
) -> list[Shift]:
    """Return every aspect of every column with how far it moved.

    Args:
        live: The live window.
        reference: What it is compared with.
        bins: How all of them were counted.
        drift: The thresholds.
        importance: Column -> share of the champion's gain; what is not there has none.
    """
    found = []
    for name, column in bins.columns.items():
        groups = [[summary[name] for summary in group] for group in reference.groups]
        matched = reduce(add, (summary[name] for summary in reference.matched))
        limits = (drift.numeric if column.kind == "number" else drift.categorical).model_dump()
        wander, freedom = _wander(groups, column)
        for aspect, effect in effects(live[name], matched, column).items():
            natural = float(np.sqrt(effect.noise + wander.get(aspect, 0.0)))
            found.append(
                Shift(
                    column=name,
                    aspect=aspect,
                    effect=effect.size,
                    threshold=limits[aspect],
                    natural=natural,
                    p_value=_chance(effect.size, natural, freedom),
                    importance=importance.get(name, 0.0),
                )
            )
    return found


def _wander(
    groups: Sequence[Sequence[ColumnSummary]], bins: ColumnBins
) -> tuple[dict[str, float], int]:
    """Return per aspect the mean square by which windows differ beyond sampling, and how many comparisons tell so."""
    squares: dict[str, list[float]] = defaultdict(list)
    freedom = 0
    for group in groups:
        if len(group) < 2:
            continue
        freedom += len(group) - 1
        total = reduce(add, group)
        for window in group:
            for aspect, effect in effects(window, total - window, bins).items():
                squares[aspect].append(effect.size**2 - effect.noise)
    return {aspect: max(0.0, float(np.mean(found))) for aspect, found in squares.items()}, max(
        freedom, 1
    )


def _chance(size: float, natural: float, freedom: int) -> float:
    """Return how likely so great a shift is when nothing happened."""
    from scipy.stats import t

    if size == 0.0:
        return 1.0
    return float(2 * t.sf(size / natural, freedom)) if natural > 0 else 0.0
