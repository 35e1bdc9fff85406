"""UTC days: their length, their first moment, and the day of a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)


def midnight(day: date) -> datetime:
    """Return the first moment of a day, UTC.

    >>> midnight(date(2026, 3, 20)).isoformat()
    '2026-03-20T00:00:00+00:00'
    """
    return datetime.combine(day, time(), tzinfo=UTC)


def floor_day(moment: datetime) -> datetime:
    """Return the last UTC midnight at or before a moment; a naive moment is UTC.

    >>> floor_day(datetime.fromisoformat("2026-03-20T00:30:00+02:00")).isoformat()
    '2026-03-19T00:00:00+00:00'
    """
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return midnight(aware.astimezone(UTC).date())


def days_between(start: datetime, end: datetime) -> list[date]:
    """Return the UTC days of ``[start, end)``, in order. Both are UTC midnights.

    >>> [str(day) for day in days_between(midnight(date(2026, 2, 27)), midnight(date(2026, 3, 1)))]
    ['2026-02-27', '2026-02-28']
    """
    first = start.date()
    return [first + timedelta(days=number) for number in range((end - start).days)]
