"""The retraining rule: a pure function of the signals and of the earlier trainings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.handover import RetrainReason, Signal, WindowSignals
from airworthy.handover.monitor_outputs import DecisionOutcome
from airworthy.monitoring.follow_ups import FollowUps
from airworthy.spec.fields import format_duration
from airworthy.spec.monitor_part import Retrain

_MAX_DOUBLINGS = 2  # of the wait of an open breaker
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
        follow_ups: The trainings of the last change; None when none is followed up.
    """

    windows: Sequence[WindowSignals]
    last_retrained: datetime | None
    rejected_in_a_row: int
    champion_failing: Sequence[str] = ()
    follow_ups: FollowUps | None = None

    @property
    def is_running(self) -> bool:
        """True while a change is followed up."""
        return self.follow_ups is not None and self.windows[-1].end <= self.follow_ups.until

    @property
    def is_due(self) -> bool:
        """True when a training is due that follows a triggered one."""
        due = self.follow_ups and self.follow_ups.is_due(self.windows[-1].end, self.last_retrained)
        return bool(due)


@dataclass(frozen=True)
class RetrainingResult:
    """The result of the retraining rule.

    Attributes:
        outcome: The outcome.
        reason: The confirmed reason for retraining. None without one.
        words: The outcome in words.
        follows: End of the window of the first training, when this one follows it up, UTC.
    """

    outcome: DecisionOutcome
    reason: RetrainReason | None
    words: str
    follows: datetime | None = None


def evaluate_retraining(inputs: RetrainingInputs, rules: Retrain) -> RetrainingResult:
    """Decide on retraining after the last of the windows.

    A reason is confirmed if one of its signals fired in this window, and in enough of the last
    conclusive windows. A confirmed reason triggers a training, unless too many challengers were
    refused in a row or the last training is too recent. A triggered training is followed up: see
    `FollowUps`. Until then, drift alone triggers no further one.
    """
    current = inputs.windows[-1]
    firing = [reason for reason, signals in SIGNALS_OF_REASON.items() if _fired(current, signals)]
    confirmed = [
        reason for reason in firing if persists(inputs.windows, SIGNALS_OF_REASON[reason], rules)
    ]
    if confirmed and not (confirmed == ["drift"] and inputs.is_running):
        return _trigger_or_wait(confirmed[0], inputs, rules)
    if inputs.follow_ups is not None and inputs.is_due:
        return _follow_up(inputs.follow_ups, inputs, rules)
    if set(current.signals.values()) == {"inconclusive"}:
        return RetrainingResult("inconclusive", None, "every signal is inconclusive")
    if not firing:
        return RetrainingResult("quiet", None, "no signal fired")
    if confirmed and inputs.follow_ups is not None:
        return _wait_for_follow_up(inputs.follow_ups, inputs, rules)
    words = f"{' and '.join(firing)}: not yet in {rules.persist} windows"
    return RetrainingResult("watching", None, words)


def _trigger_or_wait(
    reason: RetrainReason, inputs: RetrainingInputs, rules: Retrain
) -> RetrainingResult:
    words, end = f"{reason}: in {rules.persist} windows", inputs.windows[-1].end
    if inputs.rejected_in_a_row >= rules.max_rejected_in_a_row:
        trial = _next_trial(inputs, rules) if reason == "performance" else None
        if trial is None or end < trial:
            return RetrainingResult("circuit_open", reason, _breaker_words(words, inputs, trial))
    until = cooldown_end(inputs.last_retrained, rules.cooldown)
    if until is not None and end < until:
        recent = f"the last training was less than {format_duration(rules.cooldown)} ago"
        words = f"{words}, but {recent}: not before {until:%Y-%m-%d %H:%M}"
        return RetrainingResult("cooling_down", reason, words)
    return RetrainingResult("retrain", reason, words)


def _next_trial(inputs: RetrainingInputs, rules: Retrain) -> datetime | None:
    """Return when an open breaker lets one training through; None: never.

    The wait is twice the cooldown, then four times: by then most rows are other ones.
    """
    if inputs.last_retrained is None:
        return None
    refusals = min(inputs.rejected_in_a_row - rules.max_rejected_in_a_row + 1, _MAX_DOUBLINGS)
    wait: timedelta = rules.cooldown * 2**refusals
    return inputs.last_retrained + wait


def _breaker_words(words: str, inputs: RetrainingInputs, trial: datetime | None) -> str:
    refused = f"{inputs.rejected_in_a_row} challengers in a row were refused"
    words = f"{words}, but {refused}: a person has to look"
    if trial is not None:
        words += f"; the next trial is not before {trial:%Y-%m-%d %H:%M}"
    if inputs.champion_failing:
        words += f"; the champion fails its own gates: {'; '.join(inputs.champion_failing)}"
    return words


def _follow_up(follow_ups: FollowUps, inputs: RetrainingInputs, rules: Retrain) -> RetrainingResult:
    """Train again for the same change, unless the breaker is open or a training is too recent."""
    if inputs.rejected_in_a_row >= rules.max_rejected_in_a_row:
        words = f"the change of {follow_ups.since:%Y-%m-%d} is not followed up any more"
        trial = _next_trial(inputs, rules)
        return RetrainingResult(
            "circuit_open", follow_ups.reason, _breaker_words(words, inputs, trial)
        )
    until = cooldown_end(inputs.last_retrained, rules.cooldown)
    if until is not None and inputs.windows[-1].end < until:
        return _wait_for_follow_up(follow_ups, inputs, rules)
    words = (
        f"{follow_ups.reason}: follows up the training of {follow_ups.since:%Y-%m-%d}, "
        "with more days after the change"
    )
    return RetrainingResult("retrain", follow_ups.reason, words, follow_ups.since)


def _wait_for_follow_up(
    follow_ups: FollowUps, inputs: RetrainingInputs, rules: Retrain
) -> RetrainingResult:
    due = follow_ups.next_after(inputs.windows[-1].end)
    until = cooldown_end(inputs.last_retrained, rules.cooldown)
    moments = [moment for moment in (due, until) if moment is not None]
    after = f"; it is followed up from {min(moments):%Y-%m-%d %H:%M}" if moments else ""
    words = f"the change of {follow_ups.since:%Y-%m-%d} is trained on{after}"
    return RetrainingResult("cooling_down", follow_ups.reason, words)


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
