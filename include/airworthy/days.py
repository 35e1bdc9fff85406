"""A day's place in time. Everything here is UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time


def midnight(day: date) -> datetime:
    """Return the moment in which a day begins, UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)
