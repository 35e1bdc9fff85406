"""Refuses rows of another day than the source was asked for. Pure.

A query with ``:start`` and ``:end``, and a path with ``{dd}``, ask for one day. A row of another day
then shows a zone that nobody declared, or a wrong query: as many rows of the day itself are missing.
A file of many days is cut by event time, and a simulator makes such rows on purpose.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.sources_part import FilesSource, SqlSource

_MICROSECOND = timedelta(microseconds=1)
_WIDEST_OFFSET = timedelta(hours=14)
_SHOWN = "%Y-%m-%d %H:%M:%S"


def asks_for_days(ingest: Ingest) -> bool:
    """Return True when the source is asked for the rows of one day at a time."""
    source = ingest.source
    if isinstance(source, FilesSource):
        return "{dd}" in source.path
    return isinstance(source, SqlSource)


def outside(times: pl.Series, day: date) -> pl.Series:
    """Return True for each event time outside a UTC day; null for a missing time."""
    start = midnight(day)
    return ~times.is_between(start, start + DAY, closed="left")


def refuse_rows_outside(times: pl.Series, ingest: Ingest, day: date) -> None:
    """Raise an error for any row of another day, if the source was asked for this one.

    Args:
        times: The event times, UTC.
        ingest: The declared source.
        day: The UTC day that was asked for.

    Raises:
        TerminalError: when a row is of another day.
    """
    if ingest.static or not asks_for_days(ingest):
        return
    found = times.filter(outside(times, day).fill_null(value=False)).sort()
    if found.is_empty():
        return
    start, end = midnight(day), midnight(day) + DAY
    raise TerminalError(
        f"{found.len():,} of {times.len():,} rows that the source gave for {day} are of another "
        "day; the lake was not touched",
        received=f"{_range(found)} UTC: {_distance(found, day)}",
        allowed=f"{ingest.event_time} from {start:{_SHOWN}} until before {end:{_SHOWN}}, UTC",
        next_step=_next_step(found, ingest, day),
    )


def _range(found: pl.Series) -> str:
    # As texts: Python has no times after the year 9999.
    texts = found.gather([0, -1]).dt.to_string(_SHOWN).to_list()
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def _distance(found: pl.Series, day: date) -> str:
    before, after = _farthest(found, day)
    parts = [f"up to {_words(before)} before the day"] if before else []
    parts += [f"up to {_words(after)} after it"] if after else []
    return ", ".join(parts)


def _farthest(found: pl.Series, day: date) -> tuple[timedelta | None, timedelta | None]:
    """Return the largest distance before the day and after its last moment; None: no row."""
    first, last = (int(each) for each in found.gather([0, -1]).to_physical())
    start = int(midnight(day).timestamp()) * 1_000_000
    end = start + DAY // _MICROSECOND
    before = min(start - first, _LONGEST) * _MICROSECOND if first < start else None
    after = min(last - end + 1, _LONGEST) * _MICROSECOND if last >= end else None
    return before, after


_LONGEST = timedelta(days=999_999) // _MICROSECOND


def _words(span: timedelta) -> str:
    if span >= 2 * DAY:
        return f"{span // DAY:,} days"
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts)) or (f"{seconds} s" if seconds else "a moment")


def _next_step(found: pl.Series, ingest: Ingest, day: date) -> str:
    before, after = _farthest(found, day)
    is_sql = isinstance(ingest.source, SqlSource)
    if is_sql and before is None and after == _MICROSECOND:
        return (
            "end the query's day with < :end; BETWEEN and <= take the next day's first moment too"
        )
    zone = "give the zone of times without an offset in ingest.time_zone"
    query = "let the query compare the event time itself with >= :start and < :end"
    path = "leave {dd} out of the path of files that hold many days"
    cause = query if is_sql else path
    one_side = (before is None) != (after is None)
    near = max(before or _MICROSECOND, after or _MICROSECOND) <= _WIDEST_OFFSET
    if one_side and near:
        return f"the times look like those of a zone other than UTC: {zone}; else {cause}"
    return f"{cause}; or {zone}"
