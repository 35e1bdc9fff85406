"""Values as a page shows them: times in UTC, ages, and figures of a fitting length. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
NONE = "–"
"""Shown where there is no value."""


def as_time(text: str | datetime) -> datetime:
    """Return the time of an ISO 8601 text. Without an offset it is UTC."""
    time = datetime.fromisoformat(text) if isinstance(text, str) else text
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def minute(time: str | datetime | None) -> str:
    """Return a time to the minute, in UTC.

    >>> minute("2026-11-27T10:45:59+01:00")
    '2026-11-27 09:45'
    """
    return NONE if time is None else f"{as_time(time):%Y-%m-%d %H:%M}"


def day(time: str | datetime | None) -> str:
    """Return a time's day, in UTC."""
    return NONE if time is None else f"{as_time(time):%Y-%m-%d}"


def age(time: str | datetime | None, now: datetime | None = None) -> str:
    """Return the time since, or until, a time in its largest unit.

    >>> age("2026-11-27T10:00:00+00:00", datetime(2026, 11, 30, 10, tzinfo=UTC))
    '3 d'
    """
    if time is None:
        return NONE
    seconds = abs(((now or datetime.now(UTC)) - as_time(time)).total_seconds())
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return "less than 1 min"


def figure(value: float | None) -> str:
    """Return a figure with four significant digits; large ones keep their whole part.

    >>> figure(5.48213), figure(1234567.8), figure(0.00001234)
    ('5.482', '1,234,568', '1.234e-05')
    """
    if value is None:
        return NONE
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def share(value: float | None) -> str:
    """Return a share as percent with its sign: it is a difference.

    >>> share(0.0123), share(-0.5)
    ('+1.23 %', '-50 %')
    """
    return NONE if value is None else f"{value * 100:+.3g} %"
