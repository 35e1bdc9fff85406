"""The default gate on slices: the challenger is not proved worse than the champion in any.

A gate of a spec on slices needs proof that every slice is good. The default one needs proof that a
slice is bad, or it would stop nearly every model with a rare slice.
"""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.gates.non_inferiority import Loss, SlicesOutcome, loss_in_words

POOL = "the small slices together"
"""Also those that lie within one day."""
MAX_UNTESTED = 0.1
"""The share of rows that may be in slices without a test."""


def evaluate_default_slices(
    losses: Mapping[str, Loss], rows: Mapping[str, float], min_rows: int, margin: float
) -> SlicesOutcome:
    """Fail when a slice is surely worse by more than the margin.

    The outcome is inconclusive when more than a tenth of the rows is in slices without a test.

    Args:
        losses: Slice -> its loss. The entry `POOL` has that of all other slices together, when they
            have enough rows together.
        rows: Every slice -> its number of rows.
        min_rows: A slice with fewer rows is small.
        margin: The loss that must not be proved.
    """
    tested = {name: loss for name, loss in losses.items() if rows.get(name, min_rows) >= min_rows}
    pooled = POOL in losses
    untested = {name: count for name, count in rows.items() if name not in tested and not pooled}
    told = _untested_in_words(untested, min_rows)
    # A loss that is no number is no better than a bad one.
    failed = [name for name, loss in tested.items() if not loss.low <= margin]
    if failed:
        failed.sort(key=lambda name: -tested[name].low)
        reasons = [f"{name}: {loss_in_words(tested[name])}" for name in failed]
        return SlicesOutcome("fail", "; ".join([*reasons, *told]), tested[failed[0]])
    if not tested:
        return SlicesOutcome("inconclusive", "; ".join(told) or "there is no slice", None)
    worst = max(tested, key=lambda name: tested[name].low)
    reason = "; ".join([f"{worst}: {loss_in_words(tested[worst])}", *told])
    too_many = sum(untested.values()) > MAX_UNTESTED * sum(rows.values())
    return SlicesOutcome("inconclusive" if too_many else "pass", reason, tested[worst])


def _untested_in_words(untested: Mapping[str, float], min_rows: int) -> list[str]:
    names = ", ".join(f"{name} ({count:.0f} rows)" for name, count in untested.items())
    return [f"not tested, under {min_rows} rows: {names}"] if names else []
