"""Days and times as they are written on the command line, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from airworthy.days import DAY, floor_day
from airworthy.errors import TerminalError


def begin_of(day: str) -> datetime:
    """Return when a day, such as ``2026-03-20``, begins.

    Raises:
        TerminalError: when the text is no day.
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise _no_day(day) from None


def end_of(day: str) -> datetime:
    """Return when a day ends, exclusive.

    Raises:
        TerminalError: when the text is no day, or the calendar's last one.
    """
    try:
        return begin_of(day) + DAY
    except OverflowError:
        raise _no_day(day) from None


def end_of_data(as_of: str | None) -> datetime:
    """Return up to when a run may see data, a UTC midnight; without a day, that of today.

    Raises:
        TerminalError: when the text is no day, or one to come.
    """
    if as_of is None:
        return floor_day(datetime.now(UTC))
    return demand_past(begin_of(as_of))


def demand_past(moment: datetime) -> datetime:
    """Return a moment up to which data are to be read, unless it is to come.

    What a source has of a day that is not over would count as all of it: the rest would never be read.

    Raises:
        TerminalError: when the moment is to come.
    """
    now = datetime.now(UTC)
    if moment > now:
        raise TerminalError(
            "the run would see days that are not complete",
            received=f"as of {moment:%Y-%m-%d %H:%M} UTC",
            allowed=f"{now:%Y-%m-%d} or earlier (exclusive end, UTC)",
            next_step=f"say --as-of {now:%Y-%m-%d}",
        )
    return moment


def _no_day(text: str) -> TerminalError:
    return TerminalError(
        "this is not a day",
        received=text,
        allowed="YYYY-MM-DD, in UTC",
        next_step="say it as in 2026-03-20",
    )
