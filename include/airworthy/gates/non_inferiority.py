"""The non-inferiority test: the challenger is surely not worse by more than a margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from airworthy.handover import Outcome


class Loss(NamedTuple):
    """The challenger's loss as a share of the other model's value; positive is worse.

    `point` is the estimate, `low` and `high` are the ends of its two-sided interval.
    """

    point: float
    low: float
    high: float


def evaluate_loss(loss: Loss, margin: float) -> Outcome:
    """Return ``pass`` for an interval within the margin, ``fail`` beyond, else ``inconclusive``.

    >>> evaluate_loss(Loss(0.01, -0.01, 0.03), margin=0.02)
    'inconclusive'
    """
    return "pass" if loss.high <= margin else "fail" if loss.low > margin else "inconclusive"


def loss_in_words(loss: Loss) -> str:
    """Return the loss with its interval as text.

    >>> loss_in_words(Loss(0.012, -0.005, 0.029))
    '1.20% worse than the champion, between -0.50% and +2.90% worse'
    """
    share = share_in_words(loss.point)
    return f"{share} than the champion, between {loss.low:+.2%} and {loss.high:+.2%} worse"


def share_in_words(loss: float) -> str:
    """Return the point estimate as text.

    >>> share_in_words(-0.012)
    '1.20% better'
    """
    return f"{abs(loss):.2%} {'worse' if loss > 0 else 'better'}"


def required_rows_factor(loss: Loss, margin: float) -> float | None:
    """Return how many times the rows an equally good challenger needs to pass nearly always.

    It needs an interval no wider than the margin. It then passes 39 times in 40, at 95 %. An
    interval narrows with the root of the number of rows. None: there are enough rows, or more than
    900 times as many are needed.

    >>> required_rows_factor(Loss(0.0, -0.05, 0.05), margin=0.05)
    4.0
    """
    width = loss.high - loss.low
    return (width / margin) ** 2 if margin < width <= 30 * margin else None


@dataclass(frozen=True)
class SlicesOutcome:
    """The outcome over all slices of a column.

    Attributes:
        outcome: ``fail`` when one slice fails, ``pass`` when all pass, else ``inconclusive``.
        reason: Names the deciding slices and those with too few rows.
        worst: The deciding loss: that of the surest failure, else the one with the highest upper
            end. None: no slice had enough rows.
    """

    outcome: Outcome
    reason: str
    worst: Loss | None


def evaluate_slices(
    losses: Mapping[str, Loss], rows: Mapping[str, float], min_rows: int, margin: float
) -> SlicesOutcome:
    """Test every slice separately.

    No correction for the number of tests is due. The gate passes only when every test passes, so
    one bad slice passes no more often than it would alone.

    Args:
        losses: Slice -> its loss. Slices whose rows do not define the metric are missing.
        rows: Every slice -> its number of rows.
        min_rows: A slice with fewer rows is not tested, and the gate does not pass.
        margin: The loss allowed in each slice.
    """
    tested = {name: loss for name, loss in losses.items() if rows[name] >= min_rows}
    untested = [f"{name} ({count:.0f} rows)" for name, count in rows.items() if name not in tested]
    too_small = f"not tested, under {min_rows} rows: {', '.join(untested)}" if untested else ""
    if not tested:
        return SlicesOutcome("inconclusive", too_small or "there is no slice", None)
    outcome, deciding = _deciding_slices(tested, margin)
    # When all pass, the one closest to the margin is enough of a reason.
    named = deciding[:1] if outcome == "pass" else deciding
    reasons = [f"{name}: {loss_in_words(tested[name])}" for name in named]
    reason = "; ".join([*reasons, *([too_small] if too_small else [])])
    complete = outcome if outcome != "pass" or not untested else "inconclusive"
    return SlicesOutcome(complete, reason, tested[deciding[0]])


def _deciding_slices(losses: Mapping[str, Loss], margin: float) -> tuple[Outcome, list[str]]:
    """Return the worst outcome of all slices, and the slices with it, the worst first."""
    outcomes = {name: evaluate_loss(loss, margin) for name, loss in losses.items()}
    ranking: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")
    outcome = next(each for each in ranking if each in outcomes.values())
    deciding = [name for name in losses if outcomes[name] == outcome]
    if outcome == "fail":
        return outcome, sorted(deciding, key=lambda name: -losses[name].low)
    return outcome, sorted(deciding, key=lambda name: -losses[name].high)
