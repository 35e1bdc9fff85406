"""Windows of production: they follow one another without a gap, and each has windows of its season before it. Pure.

A window's season is its weekday; windows of weeks have none. Windows that are parts of a day are compared with the
same hours of other days. All times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airworthy.days import DAY

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Span:
    """``[start, end)`` in UTC."""

    start: datetime
    end: datetime

    @property
    def season(self) -> int:
        """The weekday on which it starts, Monday 0; one number for all when it is longer than a day."""
        return self.start.weekday() if self.end - self.start <= DAY else -1

    @property
    def name(self) -> str:
        """A name for files and people, such as ``2026-01-31T00-2026-02-01T00``."""
        return f"{self.start:%Y-%m-%dT%H}-{self.end:%Y-%m-%dT%H}"


def last_complete(moment: datetime, length: timedelta) -> Span:
    """Return the last window that has ended by a moment."""
    end = moment.astimezone(UTC) - (moment - _MONDAY) % length
    return Span(end - length, end)


def like(span: Span, since: datetime, until: datetime) -> list[Span]:
    """Return the windows of the same hours that lie within ``[since, until)``, by time, of every weekday.

    Windows of weeks follow one another back from the given one.
    """
    length = span.end - span.start
    return sorted(_steps_back(span, max(length, DAY), since, until))


def _steps_back(span: Span, step: timedelta, since: datetime, until: datetime) -> Iterator[Span]:
    ahead = max(0, -((span.end - until) // step))
    place = Span(span.start + ahead * step, span.end + ahead * step)
    while place.start >= since:
        if place.end <= until:
            yield place
        place = Span(place.start - step, place.end - step)
