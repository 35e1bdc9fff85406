"""Whether to train again: a pure function of what was seen, and of what the ledger remembers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.handover import RetrainReason, Signal, WindowSignals
from airworthy.handover.monitor_outputs import DecisionOutcome
from airworthy.spec.fields import format_duration
from airworthy.spec.monitor_part import Retrain

# A worse champion is the stronger reason: drift of the inputs alone may do no harm.
SIGNALS_OF_REASON: dict[RetrainReason, tuple[Signal, ...]] = {
    "performance": ("loss",),
    "drift": ("skew", "drift", "label"),
}


@dataclass(frozen=True)
class Seen:
    """What a decision rests on.

    Attributes:
        windows: This champion's windows by time, the one to decide about last; times are their exclusive ends.
        last_retrained: Up to when the newest training saw data, or was asked for; None when there was none.
        rejected_in_a_row: How many of the newest challengers were refused.
    """

    windows: Sequence[WindowSignals]
    last_retrained: datetime | None
    rejected_in_a_row: int


@dataclass(frozen=True)
class Decided:
    """The outcome, why training is to be done again (None: it is not, or not yet asked for), and in words."""

    outcome: DecisionOutcome
    reason: RetrainReason | None
    words: str


def decide_retraining(seen: Seen, rules: Retrain) -> Decided:
    """Decide whether to train again.

    A reason holds when its signals fired in this window, and in enough of the last windows in which they could be
    judged. It triggers unless too many challengers were refused in a row, or the last training is too near.
    """
    current = seen.windows[-1]
    if set(current.signals.values()) == {"inconclusive"}:
        return Decided("inconclusive", None, "nothing could be judged")
    firing = [reason for reason, signals in SIGNALS_OF_REASON.items() if _fired(current, signals)]
    if not firing:
        return Decided("quiet", None, "no signal fired")
    confirmed = [
        reason for reason in firing if persists(seen.windows, SIGNALS_OF_REASON[reason], rules)
    ]
    if not confirmed:
        return Decided(
            "watching", None, f"{' and '.join(firing)}: not yet in {rules.persist} windows"
        )
    reason = confirmed[0]
    told = f"{reason}: in {rules.persist} windows"
    if seen.rejected_in_a_row >= rules.max_rejected_in_a_row:
        refused = f"{seen.rejected_in_a_row} challengers in a row were refused"
        return Decided("circuit_open", reason, f"{told}, but {refused}: a person has to look")
    until = cools_until(seen.last_retrained, rules.cooldown)
    if until is not None and current.end < until:
        why = f"the last training was less than {format_duration(rules.cooldown)} ago"
        return Decided(
            "cooling_down", reason, f"{told}, but {why}: not before {until:%Y-%m-%d %H:%M}"
        )
    return Decided("retrain", reason, told)


def persists(windows: Sequence[WindowSignals], signals: Collection[Signal], rules: Retrain) -> bool:
    """Tell whether any of the signals fired in enough of the last windows in which one of them could be judged."""
    judged = [
        window
        for window in windows
        if any(window.signals[signal] != "inconclusive" for signal in signals)
    ]
    recent = judged[-rules.persist.of :]
    return sum(_fired(window, signals) for window in recent) >= rules.persist.needed


def cools_until(last_retrained: datetime | None, cooldown: timedelta) -> datetime | None:
    """Return until when no training is triggered; None when there was none yet."""
    return None if last_retrained is None else last_retrained + cooldown


def _fired(window: WindowSignals, signals: Collection[Signal]) -> bool:
    return any(window.signals[signal] == "fired" for signal in signals)
