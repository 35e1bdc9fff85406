"""The non-inferiority test: is it sure enough that the challenger is no worse than the champion by more than a margin?

A loss is the point estimate and the ends of its two-sided interval, as shares of the champion's value; positive is
worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airworthy.handover import Outcome

Loss = tuple[float, float, float]


def judge_loss(loss: Loss, margin: float) -> Outcome:
    """Return ``pass`` when the whole interval is within the margin, ``fail`` beyond it, else ``inconclusive``."""
    _, low, high = loss
    return "pass" if high <= margin else "fail" if low > margin else "inconclusive"


def loss_in_words(loss: Loss) -> str:
    """Return ``1.20% worse than the champion, between -0.50% and +2.90% worse``."""
    point, low, high = loss
    return f"{share_in_words(point)} than the champion, between {low:+.2%} and {high:+.2%} worse"


def share_in_words(loss: float) -> str:
    """Return ``1.20% worse`` or ``1.20% better``."""
    return f"{abs(loss):.2%} {'worse' if loss > 0 else 'better'}"


def rows_wanted(loss: Loss, margin: float) -> float | None:
    """Return how many times the rows an equally good challenger needs to pass nearly always.

    It needs an interval no wider than the margin (and then passes 39 times in 40, at 95 %), and an interval narrows
    with the root of the rows. None when it has them, and when no number of rows within reach would do.
    """
    width = loss[2] - loss[1]
    return (width / margin) ** 2 if margin < width <= 30 * margin else None


@dataclass(frozen=True)
class SlicesJudged:
    """What the slices of a column say together.

    Attributes:
        outcome: ``fail`` when one slice fails, ``pass`` when all pass, else ``inconclusive``.
        reason: Names the slices that decide, and those that are too small.
        worst: The loss that decides: that of the surest failure, else the one that may be largest. None: no slice
            was large enough.
    """

    outcome: Outcome
    reason: str
    worst: Loss | None


def judge_slices(
    losses: Mapping[str, Loss], rows: Mapping[str, float], min_rows: int, margin: float
) -> SlicesJudged:
    """Judge every slice by itself.

    No correction for their number is due: the gate passes only when every single test does, so one bad slice passes
    no more often than it would alone.

    Args:
        losses: Slice -> its loss; slices on whose rows the metric is not defined are left out.
        rows: Every slice -> its number of rows.
        min_rows: A slice with fewer is not judged, and the gate does not pass.
        margin: The loss allowed in each slice.
    """
    judged = {name: loss for name, loss in losses.items() if rows[name] >= min_rows}
    unjudged = [f"{name} ({count:.0f} rows)" for name, count in rows.items() if name not in judged]
    small = f"not judged, under {min_rows} rows: {', '.join(unjudged)}" if unjudged else ""
    if not judged:
        return SlicesJudged("inconclusive", small or "there is no slice", None)
    outcomes = {name: judge_loss(loss, margin) for name, loss in judged.items()}
    outcome: Outcome = next(
        kind for kind in ("fail", "inconclusive", "pass") if kind in outcomes.values()
    )
    deciding = sorted(
        (name for name in judged if outcomes[name] == outcome),
        key=lambda name: -judged[name][1 if outcome == "fail" else 2],
    )
    # When all pass, the slice that came closest to the margin stands for them.
    said = [
        f"{name}: {loss_in_words(judged[name])}"
        for name in deciding[: 1 if outcome == "pass" else None]
    ]
    reason = "; ".join([*said, *([small] if small else [])])
    complete = outcome if outcome != "pass" or not unjudged else "inconclusive"
    return SlicesJudged(complete, reason, judged[deciding[0]])
