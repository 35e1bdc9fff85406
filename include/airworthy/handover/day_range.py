"""A range of UTC days as text: ``2026-01-01..2026-01-31``, or a single day."""

from __future__ import annotations

from datetime import date

from airworthy.errors import TerminalError


def parse_day_range(text: str) -> tuple[date, date]:
    """Return the first and the last day of a range.

    >>> parse_day_range("2026-01-01..2026-01-31")
    (datetime.date(2026, 1, 1), datetime.date(2026, 1, 31))

    Raises:
        TerminalError: when the text is no range of days, or its last day is before its first.
    """
    first, dots, last = text.partition("..")
    try:
        days = _day(first), _day(last if dots else first)
    except ValueError:
        raise _error(text) from None
    if days[0] > days[1]:
        raise _error(text)
    return days


def _day(text: str) -> date:
    if len(text) != len("2026-01-31"):
        raise ValueError(text)
    return date.fromisoformat(text)


def _error(text: str) -> TerminalError:
    return TerminalError(
        "refresh is no range of days",
        received=text,
        allowed="FROM..TO, two days such as 2026-01-01..2026-01-31, or one day",
        next_step="write the first and the last day to read again",
    )
