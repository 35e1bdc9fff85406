"""The answer to "what served at ...?". Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from airworthy.model_status.model_history import Service
from airworthy_airflow.models_page.shown import as_time


@dataclass(frozen=True)
class ServedAt:
    """What was champion at `time`; `service` is None when no version was."""

    time: datetime
    service: Service | None
    to_come: bool


def served_at(services: Sequence[Service], time: datetime, now: datetime) -> ServedAt:
    """Return what served at a time.

    Args:
        services: The spans, oldest first.
        time: The time, with its zone.
        now: The present time.
    """
    found = [
        service
        for service in services
        if as_time(service.since) <= time
        and (service.until is None or time < as_time(service.until))
    ]
    return ServedAt(time, found[-1] if found else None, time > now)


def read_time(text: str) -> datetime | None:
    """Return the time of a field or an address, in UTC unless it has an offset; None: it is none.

    >>> read_time("2026-03-20T10:30")
    datetime.datetime(2026, 3, 20, 10, 30, tzinfo=datetime.timezone.utc)
    >>> read_time("2026-03-20T10:30:00 02:00") == read_time("2026-03-20T08:30")
    True
    >>> read_time("Tuesday")
    """
    # In an address, a plus sign that is not escaped is a space.
    for candidate in (text.strip(), "+".join(text.strip().rsplit(" ", 1))):
        try:
            time = datetime.fromisoformat(candidate)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
