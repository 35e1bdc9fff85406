"""Days and times of the command line, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from airworthy.days import DAY, floor_day, midnight
from airworthy.errors import TerminalError


def parse_day(day: str) -> datetime:
    """Return the first moment of a day, such as ``2026-03-20``.

    Raises:
        TerminalError: when the text is no day.

    >>> parse_day("2026-03-20").isoformat()
    '2026-03-20T00:00:00+00:00'
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise _day_error(day) from None


def parse_day_end(day: str) -> datetime:
    """Return the exclusive end of a day.

    Raises:
        TerminalError: when the text is no day, or the last day of the calendar.
    """
    try:
        return parse_day(day) + DAY
    except OverflowError:
        raise _day_error(day) from None


def parse_as_of(as_of: str | None) -> datetime:
    """Return the exclusive end of a run's data, a UTC midnight. Default: today's midnight.

    Raises:
        TerminalError: when the text is no day, or a day in the future.
    """
    if as_of is None:
        return floor_day(datetime.now(UTC))
    return require_not_future(parse_day(as_of))


def default_as_of(model: str) -> datetime:
    """Return the end of a run's data when nobody names it: today, or the end of the model's data.

    Raises:
        SpecError: when the model's spec is missing or broken.
    """
    from airworthy.environment import load_environment
    from airworthy.spec.data_end import data_end
    from airworthy.spec.loading import SPEC_FILE, load_spec

    spec = load_spec(load_environment().models / model / SPEC_FILE)
    return midnight(data_end(spec, datetime.now(UTC).date()))


def require_not_future(moment: datetime) -> datetime:
    """Return the end of a run's data, unless it is in the future.

    The rows of an unfinished day would count as complete: the rest would never be read.

    Raises:
        TerminalError: when the moment is in the future.
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


def _day_error(text: str) -> TerminalError:
    return TerminalError(
        "this is not a day",
        received=text,
        allowed="YYYY-MM-DD, in UTC",
        next_step="say it as in 2026-03-20",
    )
