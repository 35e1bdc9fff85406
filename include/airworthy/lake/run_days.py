"""The days of a run: its window within the spec's days, and the days to read again. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.handover import Window
from airworthy.handover.day_range import parse_day_range
from airworthy.job import Job


def clipped_window(job: Job, lookback: timedelta, command: str) -> Window:
    """Return ``[as_of - lookback, as_of)``, clipped to the spec's `start` and `end`.

    The window of static rows is the day `start`.

    Args:
        job: The run's job.
        lookback: Length of the window.
        command: The command of the error's next step.

    Raises:
        TerminalError: when `as_of` is not a UTC midnight, or outside the spec's days.
    """
    as_of, spec = job.run.as_of.astimezone(UTC), job.spec
    first = midnight(spec.start) + DAY
    if spec.ingest.static:
        return Window(start=midnight(spec.start), end=first)
    last = midnight(spec.end) + DAY if spec.end is not None else None
    if as_of.time() != time(0) or as_of < first or (last is not None and as_of > last):
        raise TerminalError(
            "as_of is not a day for which this model has data",
            received=as_of.isoformat(),
            allowed=f"a UTC midnight from {first:%Y-%m-%d}"
            + (f" to {last:%Y-%m-%d}" if last else " on"),
            next_step=f"airworthy {command} {spec.model} --as-of {last or first:%Y-%m-%d}",
        )
    return Window(start=max(as_of - lookback, midnight(spec.start)), end=as_of)


def refreshed_days(job: Job, window: Window) -> set[date]:
    """Return the days that a run was asked to read again.

    Raises:
        TerminalError: when one of them is not of the run's window.
    """
    if job.run.refresh is None:
        return set()
    first, last = parse_day_range(job.run.refresh)
    days = window.days
    if first < days[0] or last > days[-1]:
        raise TerminalError(
            "the days to read again are not all of the run's window",
            received=job.run.refresh,
            allowed=f"{days[0]}..{days[-1]}, or days in it",
            next_step=f"airworthy run {job.spec.model} --as-of {last + DAY} --refresh "
            f"{job.run.refresh}; train.lookback is the window's length",
        )
    return {day for day in days if first <= day <= last}


def final_at(job: Job, day: date) -> datetime:
    """Return the time, in UTC, from which on the source should no longer change a day."""
    settling = max(job.spec.ingest.label_delay, job.spec.ingest.restate)
    return midnight(day) + DAY + settling
