"""The staleness curve: the loss of older challengers against a fresh one, and the limit.

Pure. An age is the number of whole days by which a challenger's `as_of` is earlier than the fresh
one's. Losses are shares of the fresh challenger's value; positive is worse, whatever the metric's
direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.handover import StageOutput
from airworthy.spec.fields import format_duration, parse_duration

MIN_DISTANCE = timedelta(weeks=2)
_NEXT_STEP = "say --ages 0d,7d,30d"


class AgedLoss(StageOutput):
    """A challenger of some age on one holdout: its metric, and its loss with its interval.

    `as_of` is the fresh challenger's. `version` is the reused registered version; None: it was
    trained.
    """

    age: int
    as_of: AwareDatetime
    rows: int
    value: float
    loss: float
    low: float
    high: float
    version: str | None = None


class AgePoint(StageOutput):
    """An age over all its holdouts; `fresh` is the fresh challenger's metric on the same rows."""

    age: int
    windows: int
    rows: int
    value: float
    fresh: float
    loss: float
    low: float
    high: float


class SkippedAge(StageOutput):
    """An age without a challenger for one holdout, and the reason."""

    age: int
    as_of: AwareDatetime
    why: str


class AgeLimit(StageOutput):
    """The oldest age within the allowed loss, in days and in words.

    None: the youngest measured age may lose more.
    """

    age: int | None
    told: str


class StalenessCurve(StageOutput):
    """The measured losses and the limit.

    `max_loss` is the spec's ``monitor.performance.max_loss``.
    """

    model: str
    end: AwareDatetime
    metric: str
    confidence: float
    max_loss: float
    holdout: str
    points: list[AgePoint]
    windows: list[AgedLoss]
    left_out: list[SkippedAge]
    limit: AgeLimit


def parse_ages(text: str) -> list[int]:
    """Return ages in days, sorted, always with 0: the age that all others are compared with.

    Raises:
        TerminalError: when an age is no duration of whole days, or there is none but 0.

    >>> parse_ages("7d, 4w")
    [0, 7, 28]
    """
    allowed = "whole days, such as 0d,7d,30d,90d"
    try:
        durations = {parse_duration(age.strip()) for age in text.split(",")}
    except ValueError:
        raise TerminalError(
            "these are no ages", received=text, allowed=allowed, next_step=_NEXT_STEP
        ) from None
    ages = sorted({0, *(age // DAY for age in durations)})
    if any(age % DAY for age in durations) or len(ages) < 2:
        raise TerminalError(
            "these are no ages to compare",
            received=text,
            allowed=f"{allowed}, one beside 0d",
            next_step=_NEXT_STEP,
        )
    return ages


def holdout_ends(end: datetime, count: int, holdout: timedelta) -> list[datetime]:
    """Return the `as_of` of each fresh challenger, the newest last; their holdouts do not overlap.

    The distance is no whole number of weeks, so that holdouts of a few days have different
    weekdays.

    Args:
        end: The newest `as_of`, a UTC midnight.
        count: The number of holdouts.
        holdout: The length of each.
    """
    distance = max(holdout, MIN_DISTANCE) // DAY
    distance += 1 if distance % 7 == 0 else 0
    return [end - number * distance * DAY for number in reversed(range(count))]


def find_limit(points: Iterable[AgePoint], max_loss: float) -> AgeLimit:
    """Return the oldest age up to which every measured age is within the allowed loss.

    The upper end of the interval counts, as at the gates: an early alert costs a look, a late one
    costs predictions that nobody knows to be bad.
    """
    aged = sorted((point for point in points if point.age > 0), key=lambda point: point.age)
    within = _first_within(aged, max_loss)
    if len(within) == len(aged):
        text = f"no age that was tried can lose more than {max_loss:.0%}"
        told = f"{text}: the alert is set to the oldest, {_days(aged)}"
        return AgeLimit(age=aged[-1].age, told=told)
    beyond = aged[len(within)]
    loss = f"from {beyond.age}d on a model may lose up to {beyond.high:.1%}"
    loss += f", over the {max_loss:.0%} that are allowed"
    if not within:
        return AgeLimit(age=None, told=f"{loss}, and no younger one was tried")
    return AgeLimit(age=within[-1].age, told=f"{loss}; up to {_days(within)} it surely loses less")


def _first_within(aged: Sequence[AgePoint], max_loss: float) -> Sequence[AgePoint]:
    beyond = (index for index, point in enumerate(aged) if point.high > max_loss)
    return aged[: next(beyond, len(aged))]


def _days(points: Sequence[AgePoint]) -> str:
    return format_duration(points[-1].age * DAY)


def curve_table(curve: StalenessCurve) -> str:
    """Return the curve as plain text: one line per age, the skipped ages, and the limit."""
    confidence = f"{curve.confidence:.0%} interval"
    lines = [
        f"{curve.model}: {curve.metric} by age, on holdouts of {curve.holdout} "
        f"up to {curve.end:%Y-%m-%d}",
        f"{'age':>6}  {'holdouts':>8}  {'rows':>9}  {curve.metric:>9}  {'loss':>8}  "
        f"{confidence:>20}",
    ]
    lines += [_line(point) for point in curve.points]
    lines += [
        f"left out: {each.age}d as of {each.as_of:%Y-%m-%d}: {each.why}" for each in curve.left_out
    ]
    reused = sorted({int(each.version) for each in curve.windows if each.version is not None})
    if reused:
        lines.append(f"taken from the registry: version {', '.join(map(str, reused))}")
    return "\n".join([*lines, f"limit: {curve.limit.told}"])


def _line(point: AgePoint) -> str:
    start = f"{f'{point.age}d':>6}  {point.windows:>8}  {point.rows:>9,}  {point.value:>9.4g}"
    if point.age == 0:
        return start
    interval = f"{point.low:+.1%} to {point.high:+.1%}"
    return f"{start}  {point.loss:>+8.1%}  {interval:>20}"
