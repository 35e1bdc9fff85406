"""Whether shifts are drift: large enough, not by chance, and in columns that the champion listens to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airworthy.handover import Shift
from airworthy.spec.monitor_part import Drift


@dataclass(frozen=True)
class Judgement:
    """What the shifts of one window come to.

    Attributes:
        fired: Whether the columns that drifted matter enough.
        drifted: The shifts that count, the weightiest column first.
        importance: The share of the champion's gain that the drifted columns carry together.
    """

    fired: bool
    drifted: tuple[Shift, ...]
    importance: float

    @property
    def columns(self) -> list[str]:
        """The columns that drifted, the weightiest first."""
        return list(dict.fromkeys(shift.column for shift in self.drifted))


def judge(shifts: Sequence[Shift], drift: Drift) -> Judgement:
    """Decide which shifts are drift and whether they matter.

    A shift counts when it reaches its threshold and Benjamini and Hochberg's procedure, over every shift of every
    column that the champion listens to, finds it no chance. Columns without importance take no part at all.
    """
    heard = [
        shift for shift in shifts if shift.importance > 0.0 and shift.column not in drift.ignore
    ]
    adjusted = adjusted_p_values([shift.p_value for shift in heard])
    counts = [
        shift
        for shift, p_value in zip(heard, adjusted, strict=True)
        if p_value <= drift.false_discovery_rate and shift.effect >= shift.threshold
    ]
    drifted = tuple(
        sorted(counts, key=lambda s: (-s.importance, s.column, -s.effect / s.threshold, s.aspect))
    )
    weights = {shift.column: shift.importance for shift in drifted}
    importance = sum(weights[name] for name in sorted(weights))
    return Judgement(bool(drifted) and importance >= drift.min_importance, drifted, importance)


def adjusted_p_values(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Benjamini and Hochberg (1995): those at most q have a false discovery rate of q."""
    if not p_values:
        return []
    from scipy.stats import false_discovery_control

    return [float(p_value) for p_value in false_discovery_control(p_values, method="bh")]


def describe(judgement: Judgement, drift: Drift) -> str:
    """Return in words what the judgement rests on."""
    if not judgement.drifted:
        return "no column that the champion listens to has moved by more than windows differ anyway"
    worst: dict[str, Shift] = {}
    for shift in judgement.drifted:
        known = worst.get(shift.column)
        if known is None or shift.effect / shift.threshold > known.effect / known.threshold:
            worst[shift.column] = shift
    told = ", ".join(_told(worst[name]) for name in judgement.columns[:5])
    more = f" and {len(judgement.columns) - 5} more" if len(judgement.columns) > 5 else ""
    weight = f"together {judgement.importance:.0%} of the champion's gain"
    against = "" if judgement.fired else f", less than the {drift.min_importance:.0%} that it takes"
    return f"{told}{more}: {weight}{against}"


def _told(shift: Shift) -> str:
    return f"{shift.column} {shift.aspect} {shift.effect:.3g} (from {shift.threshold:g}; usually {shift.natural:.2g})"
