"""Live windows as time spans: consecutive, without a gap. Pure.

A window's season is its weekday. Windows of weeks have no season. Windows shorter than a day are
compared with the same hours of other days. All times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airworthy.days import DAY

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Span:
    """A time span ``[start, end)`` in UTC."""

    start: datetime
    end: datetime

    @property
    def season(self) -> int:
        """The weekday of its start, Monday 0; -1 if it is longer than a day."""
        return self.start.weekday() if self.end - self.start <= DAY else -1

    @property
    def name(self) -> str:
        """A name for files and people.

        >>> Span(datetime(2026, 1, 31), datetime(2026, 2, 1)).name
        '2026-01-31T00-2026-02-01T00'
        """
        return f"{self.start:%Y-%m-%dT%H}-{self.end:%Y-%m-%dT%H}"


def last_complete(moment: datetime, length: timedelta) -> Span:
    """Return the last window that ends at or before a moment.

    >>> last_complete(datetime(2026, 3, 20, 5, 30, tzinfo=UTC), timedelta(hours=1)).name
    '2026-03-20T04-2026-03-20T05'
    """
    end = moment.astimezone(UTC) - (moment - _MONDAY) % length
    return Span(end - length, end)


def live_span(moment: datetime, until: datetime | None, length: timedelta) -> Span:
    """Return the newest window that was complete at a moment.

    Args:
        moment: The time of the look, UTC.
        until: The end of the source's newest rows, UTC; None: not known to be before `moment`.
        length: The length of a window.
    """
    return last_complete(moment if until is None else min(moment, until), length)


def comparable_windows(span: Span, since: datetime, until: datetime) -> list[Span]:
    """Return the windows with the same hours within ``[since, until)``, of all weekdays, by time.

    Windows of weeks are whole multiples of their length away from the given one.

    Args:
        span: A window.
        since: Inclusive start, UTC.
        until: Exclusive end, UTC.
    """
    length = span.end - span.start
    return sorted(_steps_back(span, max(length, DAY), since, until))


def _steps_back(span: Span, step: timedelta, since: datetime, until: datetime) -> Iterator[Span]:
    steps_ahead = max(0, -((span.end - until) // step))
    window = Span(span.start + steps_ahead * step, span.end + steps_ahead * step)
    while window.start >= since:
        if window.end <= until:
            yield window
        window = Span(window.start - step, window.end - step)
