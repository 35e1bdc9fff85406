"""The periods of a backtest: calendar months, or whole days. Pure; all times are UTC midnights."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.spec.fields import parse_duration

_MONTHS = re.compile(r"^([1-9][0-9]?)mo$")
PeriodStart = Callable[[datetime, int], datetime]  # first start, number -> start of that period


@dataclass(frozen=True)
class Period:
    """``[start, end)``, and a name for people: the month, or the first day."""

    start: datetime
    end: datetime
    name: str


def periods(start: datetime, end: datetime, step: str) -> list[Period]:
    """Cut ``[start, end)`` into periods; the last one may be shorter.

    Args:
        start: The first day.
        end: Later than `start`.
        step: ``1mo``, ``3mo``, or a duration of whole days, such as ``2w``.

    Raises:
        TerminalError: when the step is none of these.

    >>> days = datetime(2026, 1, 1), datetime(2026, 2, 15)
    >>> [f"{each.name} to {each.end:%m-%d}" for each in periods(*days, "1mo")]
    ['2026-01 to 02-01', '2026-02 to 02-15']
    """
    period_start, name_format = _period_start(step)
    result: list[Period] = []
    while not result or result[-1].end < end:
        first = result[-1].end if result else start
        last = min(period_start(start, len(result) + 1), end)
        result.append(Period(first, last, first.strftime(name_format)))
    return result


def _period_start(step: str) -> tuple[PeriodStart, str]:
    """Return the function for the start of the n-th period, and the format of its name."""
    months = _MONTHS.match(step)
    if months:
        count = int(months[1])
        return (lambda start, number: _add_months(start, number * count)), "%Y-%m"
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


def _add_months(start: datetime, months: int) -> datetime:
    """Return the same day some months later, or the last day of a shorter month."""
    years, month = divmod(start.month - 1 + months, 12)
    first = start.replace(year=start.year + years, month=month + 1, day=1)
    last = (first + 31 * DAY).replace(day=1) - DAY
    return first.replace(day=min(start.day, last.day))
