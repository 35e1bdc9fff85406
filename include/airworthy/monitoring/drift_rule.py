"""The drift rule: large shifts, beyond chance, in columns of importance to the champion. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airworthy.handover import Shift
from airworthy.spec.monitor_part import Drift

_MAX_COLUMNS = 5  # named in the description


@dataclass(frozen=True)
class DriftResult:
    """The result of the drift rule for one window.

    Attributes:
        fired: Whether the drifted columns have enough importance.
        drifted: The shifts that count, the most important column first.
        importance: The drifted columns' share of the champion's gain.
    """

    fired: bool
    drifted: tuple[Shift, ...]
    importance: float

    @property
    def columns(self) -> list[str]:
        """The drifted columns, the most important first."""
        return list(dict.fromkeys(shift.column for shift in self.drifted))


def evaluate_drift(shifts: Sequence[Shift], rules: Drift) -> DriftResult:
    """Return the shifts that are drift, and whether they have enough importance.

    A shift counts if it reaches its threshold and is significant by Benjamini and Hochberg's
    procedure. The procedure covers all shifts of all columns with importance, except those in
    ``monitor.drift.ignore``.
    """
    tested = [
        shift for shift in shifts if shift.importance > 0.0 and shift.column not in rules.ignore
    ]
    adjusted = adjusted_p_values([shift.p_value for shift in tested])
    counting = [
        shift
        for shift, p_value in zip(tested, adjusted, strict=True)
        if p_value <= rules.false_discovery_rate and shift.effect >= shift.threshold
    ]
    drifted = tuple(
        sorted(counting, key=lambda s: (-s.importance, s.column, -s.effect / s.threshold, s.aspect))
    )
    weights = {shift.column: shift.importance for shift in drifted}
    importance = sum(weights[name] for name in sorted(weights))
    return DriftResult(bool(drifted) and importance >= rules.min_importance, drifted, importance)


def adjusted_p_values(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Benjamini and Hochberg (1995).

    The adjusted values of at most q have a false discovery rate of q.

    >>> adjusted_p_values([0.25, 0.5])
    [0.5, 0.5]
    """
    if not p_values:
        return []
    from scipy.stats import false_discovery_control

    return [float(p_value) for p_value in false_discovery_control(p_values, method="bh")]


def describe(result: DriftResult, rules: Drift) -> str:
    """Return a result in words: the drifted columns, their worst shifts, and their importance."""
    if not result.drifted:
        return "no column that the champion uses has moved by more than windows usually differ"
    worst = worst_shifts(result.drifted)
    described = ", ".join(describe_shift(worst[name]) for name in result.columns[:_MAX_COLUMNS])
    more = len(result.columns) - _MAX_COLUMNS
    more_columns = f" and {more} more" if more > 0 else ""
    importance = f"together {result.importance:.0%} of the champion's gain"
    limit = "" if result.fired else f", less than the {rules.min_importance:.0%} that it takes"
    return f"{described}{more_columns}: {importance}{limit}"


def worst_shifts(shifts: Sequence[Shift]) -> dict[str, Shift]:
    """Return column -> its largest shift, in multiples of the threshold."""
    worst: dict[str, Shift] = {}
    for shift in shifts:
        other = worst.get(shift.column)
        if other is None or shift.effect / shift.threshold > other.effect / other.threshold:
            worst[shift.column] = shift
    return worst


def describe_shift(shift: Shift) -> str:
    """Return a shift in words: its size, its threshold, and its usual size."""
    usual = f"from {shift.threshold:g}; usually {shift.natural:.2g}"
    return f"{shift.column} {shift.aspect} {shift.effect:.3g} ({usual})"
