"""The retraining rule: a pure function of the signals and of the earlier trainings."""

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
class RetrainingInputs:
    """The inputs of the retraining rule.

    Attributes:
        windows: This champion's windows by time, the live window last. Each is dated by its
            exclusive end.
        last_retrained: Latest `as_of` of a training, or latest window end that triggered one, UTC.
            None without any training.
        rejected_in_a_row: Number of newest challengers refused in a row.
        champion_failing: The gates that the champion failed in its last verdict, with its figures.
    """

    windows: Sequence[WindowSignals]
    last_retrained: datetime | None
    rejected_in_a_row: int
    champion_failing: Sequence[str] = ()


@dataclass(frozen=True)
class RetrainingResult:
    """The result of the retraining rule.

    Attributes:
        outcome: The outcome.
        reason: The confirmed reason for retraining. None without one.
        words: The outcome in words.
    """

    outcome: DecisionOutcome
    reason: RetrainReason | None
    words: str


def evaluate_retraining(inputs: RetrainingInputs, rules: Retrain) -> RetrainingResult:
    """Decide on retraining after the last of the windows.

    A reason is confirmed if one of its signals fired in this window, and in enough of the last
    conclusive windows. A confirmed reason triggers a training, unless too many challengers were
    refused in a row or the last training is too recent.
    """
    current = inputs.windows[-1]
    if set(current.signals.values()) == {"inconclusive"}:
        return RetrainingResult("inconclusive", None, "every signal is inconclusive")
    firing = [reason for reason, signals in SIGNALS_OF_REASON.items() if _fired(current, signals)]
    if not firing:
        return RetrainingResult("quiet", None, "no signal fired")
    confirmed = [
        reason for reason in firing if persists(inputs.windows, SIGNALS_OF_REASON[reason], rules)
    ]
    if not confirmed:
        words = f"{' and '.join(firing)}: not yet in {rules.persist} windows"
        return RetrainingResult("watching", None, words)
    return _trigger_or_wait(confirmed[0], inputs, rules)


def _trigger_or_wait(
    reason: RetrainReason, inputs: RetrainingInputs, rules: Retrain
) -> RetrainingResult:
    words = f"{reason}: in {rules.persist} windows"
    if inputs.rejected_in_a_row >= rules.max_rejected_in_a_row:
        refused = f"{inputs.rejected_in_a_row} challengers in a row were refused"
        words = f"{words}, but {refused}: a person has to look"
        if inputs.champion_failing:
            words += f"; the champion fails its own gates: {'; '.join(inputs.champion_failing)}"
        return RetrainingResult("circuit_open", reason, words)
    until = cooldown_end(inputs.last_retrained, rules.cooldown)
    if until is not None and inputs.windows[-1].end < until:
        recent = f"the last training was less than {format_duration(rules.cooldown)} ago"
        words = f"{words}, but {recent}: not before {until:%Y-%m-%d %H:%M}"
        return RetrainingResult("cooling_down", reason, words)
    return RetrainingResult("retrain", reason, words)


def persists(windows: Sequence[WindowSignals], signals: Collection[Signal], rules: Retrain) -> bool:
    """Tell whether any of the signals fired in enough of the last conclusive windows.

    A window is conclusive if at least one of the signals is.

    Args:
        windows: One champion's windows by time.
        signals: The signals of one reason.
        rules: `persist` is the needed number of windows, and of how many.
    """
    conclusive = [
        window
        for window in windows
        if any(window.signals[signal] != "inconclusive" for signal in signals)
    ]
    recent = conclusive[-rules.persist.of :]
    return sum(_fired(window, signals) for window in recent) >= rules.persist.needed


def cooldown_end(last_retrained: datetime | None, cooldown: timedelta) -> datetime | None:
    """Return the end of the cooldown after the last training; None without a training."""
    return None if last_retrained is None else last_retrained + cooldown


def _fired(window: WindowSignals, signals: Collection[Signal]) -> bool:
    return any(window.signals[signal] == "fired" for signal in signals)
