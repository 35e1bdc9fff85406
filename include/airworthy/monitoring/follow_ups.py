"""Trainings that follow a triggered one, while its window fills with days after the change. Pure.

A training soon after a change has few changed days, and most of these are in its holdout. Its
challenger can hardly be better, and when it takes over, its holdout promises a bad error, so that
nothing fires again. Some days later a training knows more. The waits double until the whole lookback
is after the first trigger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.days import DAY
from airworthy.handover import DriftDecision, RetrainReason
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class FollowUps:
    """The trainings of one change.

    Attributes:
        since: End of the window that triggered the first one, UTC.
        reason: The reason of the first one.
        champion: The champion's version then.
        due: The moments of the following ones, UTC.
        until: From then on the whole lookback is after the first trigger, UTC.
    """

    since: datetime
    reason: RetrainReason
    champion: str | None
    due: tuple[datetime, ...]
    until: datetime

    def is_due(self, moment: datetime, last_retrained: datetime | None) -> bool:
        """Tell whether a training is due at a moment, and none was made since it was due."""
        trained = self.since if last_retrained is None else last_retrained
        return any(trained < due <= moment for due in self.due)

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the next training that is due after a moment; None after the last."""
        return next((due for due in self.due if due > moment), None)


def find_follow_ups(
    decisions: Iterable[DriftDecision], spec: ModelSpec, moment: datetime
) -> FollowUps | None:
    """Return the trainings of the last change; None without any, or when it is long ago.

    Args:
        decisions: The monitor's, oldest first.
        spec: Its lookback, holdout, label delay and cooldown.
        moment: The end of the window that is decided on. Later decisions do not count.
    """
    triggers = [each for each in decisions if each.trigger and each.window_end < moment]
    if not triggers:
        return None
    since = triggers[-1].follows or triggers[-1].window_end
    first = next(each for each in triggers if (each.follows or each.window_end) == since)
    due = tuple(follow_up_times(spec, since))
    until = max(since + spec.train.lookback, due[-1] if due else since)
    if first.reason is None or moment > until + spec.monitor.window:
        return None
    return FollowUps(since, first.reason, first.champion, due, until)


def follow_up_times(spec: ModelSpec, since: datetime) -> list[datetime]:
    """Return the moments of the trainings that follow a triggered one, UTC.

    The first is due when the holdout and the days without labels have passed, and the cooldown.
    Later ones come after twice the time of the one before.
    """
    if not spec.monitor.retrain.follow_up:
        return []
    hidden = -(-spec.ingest.label_delay // DAY) * DAY
    wait: timedelta = max(spec.monitor.retrain.cooldown, spec.train.holdout + hidden)
    times = []
    while wait <= spec.train.lookback:
        times.append(since + wait)
        wait *= 2
    return times
