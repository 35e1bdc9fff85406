"""The steps that a backtest walks in: calendar months, or whole days. Pure; all times are UTC midnights."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.spec.fields import parse_duration

_MONTHS = re.compile(r"^([1-9][0-9]?)mo$")
Next = Callable[[datetime, int], datetime]


@dataclass(frozen=True)
class Period:
    """``[start, end)``, and a name for people: the month, or the first day."""

    start: datetime
    end: datetime
    name: str


def periods(start: datetime, end: datetime, step: str) -> list[Period]:
    """Cut ``[start, end)`` into steps; the last one may be shorter.

    Args:
        start: The first day.
        end: Later than `start`.
        step: ``1mo``, ``3mo``, or a duration of whole days, such as ``2w``.

    Raises:
        TerminalError: when the step is none of these.
    """
    following, form = _following(step)
    found: list[Period] = []
    while not found or found[-1].end < end:
        first = found[-1].end if found else start
        found.append(
            Period(first, min(following(start, len(found) + 1), end), first.strftime(form))
        )
    return found


def _following(step: str) -> tuple[Next, str]:
    """Return the function that gives the start of the n-th step after the first, and how a step's name is written."""
    months = _MONTHS.match(step)
    if months:
        count = int(months[1])
        return (lambda start, number: _months_later(start, number * count)), "%Y-%m"
    try:
        length = parse_duration(step)
    except ValueError:
        length = timedelta(0)
    if length < DAY or length % DAY:
        raise TerminalError(
            "this is no step",
            received=step,
            allowed="months or whole days, such as 1mo, 2w, 10d",
            next_step="say --step 1mo",
        )
    return (lambda start, number: start + number * length), "%Y-%m-%d"


def _months_later(start: datetime, months: int) -> datetime:
    """Return the same day some months later, or the month's last one."""
    years, month = divmod(start.month - 1 + months, 12)
    first = start.replace(year=start.year + years, month=month + 1, day=1)
    last = (first + 31 * DAY).replace(day=1) - DAY
    return first.replace(day=min(start.day, last.day))
