"""The staleness curve: what an older challenger loses against one of the day, and the oldest that is good enough.

Pure. Ages are whole days: by how much earlier a challenger's `as_of` is than that of the one which it is held against.
Losses are shares of the fresh challenger's value; positive is worse, whatever the metric's direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.handover import Ref
from airworthy.spec.fields import format_duration, parse_duration

LEAST_APART = timedelta(weeks=2)
_SAY_AGES = "say --ages 0d,7d,30d"


class AgedLoss(Ref):
    """A challenger of some age on the rows of one holdout: its metric, and its loss with the interval's ends.

    `as_of` is that of the fresh challenger; `version` the registered version that was taken, None: it was trained.
    """

    age: int
    as_of: AwareDatetime
    rows: int
    value: float
    loss: float
    low: float
    high: float
    version: str | None = None


class AgePoint(Ref):
    """All holdouts on which an age was tried, taken together; `fresh` is the fresh challenger's metric there."""

    age: int
    windows: int
    rows: int
    value: float
    fresh: float
    loss: float
    low: float
    high: float


class LeftOut(Ref):
    """An age that could not be tried on one holdout, and why."""

    age: int
    as_of: AwareDatetime
    why: str


class AgeLimit(Ref):
    """The oldest age whose loss is known to be allowed, in days, and in words; None: the youngest tried loses more."""

    age: int | None
    told: str


class StalenessCurve(Ref):
    """What was measured, and what follows: `max_loss` is the spec's ``monitor.performance.max_loss``."""

    model: str
    end: AwareDatetime
    metric: str
    confidence: float
    max_loss: float
    holdout: str
    points: list[AgePoint]
    windows: list[AgedLoss]
    left_out: list[LeftOut]
    limit: AgeLimit


def parse_ages(text: str) -> list[int]:
    """Read ``0d,7d,4w`` as days, sorted; 0, which every other age is held against, is always among them.

    Raises:
        TerminalError: when an age is no duration of whole days, or there is none but 0.
    """
    allowed = "whole days, such as 0d,7d,30d,90d"
    try:
        found = {parse_duration(age.strip()) for age in text.split(",")}
    except ValueError:
        raise TerminalError(
            "these are no ages", received=text, allowed=allowed, next_step=_SAY_AGES
        ) from None
    ages = sorted({0, *(age // DAY for age in found)})
    if any(age % DAY for age in found) or len(ages) < 2:
        raise TerminalError(
            "these are no ages to compare",
            received=text,
            allowed=f"{allowed}, one beside 0d",
            next_step=_SAY_AGES,
        )
    return ages


def holdout_ends(end: datetime, count: int, holdout: timedelta) -> list[datetime]:
    """Return up to when each fresh challenger sees data, the newest last: their holdouts do not overlap.

    They lie no whole number of weeks apart, so that holdouts of a few days are not all of the same weekdays.
    """
    apart = max(holdout, LEAST_APART) // DAY
    apart += 1 if apart % 7 == 0 else 0
    return [end - number * apart * DAY for number in reversed(range(count))]


def find_limit(points: Iterable[AgePoint], max_loss: float) -> AgeLimit:
    """Return the oldest age up to which every age that was tried is within the allowed loss.

    The upper end of the interval counts, as it does at the gates: an alert that comes too early costs a look, one that
    comes too late costs answers that nobody knows to be bad.
    """
    aged = sorted((point for point in points if point.age > 0), key=lambda point: point.age)
    within = _first_within(aged, max_loss)
    if len(within) == len(aged):
        told = f"no age that was tried can lose more than {max_loss:.0%}: the alert is set to the oldest, {_days(aged)}"
        return AgeLimit(age=aged[-1].age, told=told)
    beyond = aged[len(within)]
    may = f"from {beyond.age}d on a model may lose up to {beyond.high:.1%}, over the {max_loss:.0%} that are allowed"
    if not within:
        return AgeLimit(age=None, told=f"{may}, and no younger one was tried")
    return AgeLimit(age=within[-1].age, told=f"{may}; up to {_days(within)} it surely loses less")


def _first_within(aged: Sequence[AgePoint], max_loss: float) -> Sequence[AgePoint]:
    beyond = (place for place, point in enumerate(aged) if point.high > max_loss)
    return aged[: next(beyond, len(aged))]


def _days(points: Sequence[AgePoint]) -> str:
    return format_duration(points[-1].age * DAY)


def curve_table(curve: StalenessCurve) -> str:
    """Return the curve as plain text: one line per age, what was left out, and what follows."""
    confidence = f"{curve.confidence:.0%} interval"
    lines = [
        f"{curve.model}: {curve.metric} by age, on holdouts of {curve.holdout} up to {curve.end:%Y-%m-%d}",
        f"{'age':>6}  {'holdouts':>8}  {'rows':>9}  {curve.metric:>9}  {'loss':>8}  {confidence:>20}",
    ]
    lines += [_line(point) for point in curve.points]
    lines += [
        f"left out: {each.age}d as of {each.as_of:%Y-%m-%d}: {each.why}" for each in curve.left_out
    ]
    taken = sorted({int(each.version) for each in curve.windows if each.version is not None})
    if taken:
        lines.append(f"taken from the registry: version {', '.join(map(str, taken))}")
    return "\n".join([*lines, f"limit: {curve.limit.told}"])


def _line(point: AgePoint) -> str:
    start = f"{f'{point.age}d':>6}  {point.windows:>8}  {point.rows:>9,}  {point.value:>9.4g}"
    if point.age == 0:
        return start
    interval = f"{point.low:+.1%} to {point.high:+.1%}"
    return f"{start}  {point.loss:>+8.1%}  {interval:>20}"
