"""The times of the monitor's looks, by its schedule. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from airworthy.monitoring.spans import last_complete
from airworthy.spec.monitor_part import Monitor


def look_times(monitor: Monitor, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the times of the looks in ``(start, end]``.

    Without a schedule there is a look at the end of every window.

    Args:
        monitor: Gives the schedule and the length of a window.
        start: UTC.
        end: UTC.
    """
    moments = _window_ends(monitor, start) if monitor.schedule is None else _ticks(monitor, start)
    for moment in moments:
        if moment > end:
            return
        yield moment


def _window_ends(monitor: Monitor, start: datetime) -> Iterator[datetime]:
    moment = last_complete(start, monitor.window).end
    while True:
        moment += monitor.window
        yield moment


def _ticks(monitor: Monitor, start: datetime) -> Iterator[datetime]:
    from croniter import croniter  # type: ignore[import-untyped]  # as Airflow does

    yield from croniter(monitor.schedule, start, ret_type=datetime)
