"""The times of a source's rows: event times, and columns declared as datetime.

Times become UTC. A time without an offset is of the spec's `time_zone`, else UTC. Clocks of a zone
that go forward skip an hour: a time in it does not exist. Clocks that go back show an hour twice: a
time in it is not told from the other one unless `repeated_hour` says how.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.lake.time_guesses import TimeGuess, fitting_formats, guess_time_format
from airworthy.lake.time_parsing import UTC_MICROSECONDS, parse_times
from airworthy.spec.ingest_part import Ingest, RepeatedHour
from airworthy.spec.time_formats import ALLOWED, ISO

__all__ = [
    "UNDATED",
    "UTC_MICROSECONDS",
    "TimeGuess",
    "TimeRules",
    "Times",
    "fitting_formats",
    "guess_time_format",
    "local_days",
    "read_times",
    "unreadable_times",
    "utc_days",
]

UNDATED = "undated"
_RESOLUTION = timedelta(microseconds=1)


@dataclass(frozen=True)
class TimeRules:
    """The meaning of a column of times.

    Attributes:
        form: Its format.
        zone: The zone of times without an offset.
        repeated: The rule for an hour that clocks show twice; None: such times are unusable.
    """

    form: str = ISO
    zone: str = "UTC"
    repeated: RepeatedHour | None = None

    @classmethod
    def of(cls, ingest: Ingest, column: str) -> TimeRules:
        """Return the rules of a column of a spec."""
        return cls(ingest.time_format_of(column), ingest.time_zone or "UTC", ingest.repeated_hour)


@dataclass(frozen=True)
class Times:
    """The times of a column.

    Attributes:
        values: UTC; null: missing or unusable.
        faults: Reason -> mask of the cells that are times, but of no known moment.
    """

    values: pl.Series
    faults: dict[str, pl.Series]


def read_times(column: pl.Series, rules: TimeRules, series: pl.DataFrame | None = None) -> Times:
    """Read a column without blanks; unreadable cells become null.

    Args:
        column: Texts, numbers, dates or times.
        rules: Its format and its zone.
        series: Columns that tell apart the rows of one time, for ``repeated_hour: order``; of the
            same height. None or without columns: there are none.
    """
    clock = parse_times(column, rules.form)
    readings, zone = clock.readings, rules.zone
    if readings.null_count() == readings.len():
        return Times(_in_calendar(clock.moments).alias(column.name), {})
    early, late = (_moments(readings, zone, first) for first in ("earliest", "latest"))
    present = readings.is_not_null()
    skipped, twice = present & early.is_null(), (early != late).fill_null(value=False)
    local, unknown = early, twice
    if twice.any() and rules.repeated is not None:
        local, unknown = _told_apart(early, late, twice, rules.repeated, series)
    local = local.set(unknown, None)
    moments = _in_calendar(clock.moments.zip_with(~present, local))
    name = column.name
    faults = {
        f"{name} is in an hour that the clocks of {zone} skip": skipped,
        f"{name} is in an hour that the clocks of {zone} show twice: ingest.repeated_hour tells "
        "which": unknown,
    }
    return Times(moments.alias(name), {text: mask for text, mask in faults.items() if mask.any()})


def utc_days(column: pl.Series, rules: TimeRules) -> pl.Series:
    """Return the UTC day of each cell, as ``2026-01-31``; `UNDATED` where it has none.

    A time in an hour that clocks show twice has the day of the first, a skipped one that of the
    moment an hour later: one of the two days in whose quarantine it is looked for.
    """
    clock = parse_times(column, rules.form)
    local = _moments(clock.readings, rules.zone, "earliest")
    hour = pl.select(pl.lit(clock.readings).dt.offset_by("1h")).to_series()
    local = local.zip_with(local.is_not_null(), _moments(hour, rules.zone, "earliest"))
    moments = _in_calendar(clock.moments.zip_with(clock.moments.is_not_null(), local))
    return moments.dt.strftime("%Y-%m-%d").fill_null(UNDATED)


def local_days(day: date, zone: str | None) -> list[date]:
    """Return the days of a zone that have moments of a UTC day, in order.

    >>> [str(each) for each in local_days(date(2026, 7, 1), "Europe/Berlin")]
    ['2026-07-01', '2026-07-02']
    """
    ends, local = (midnight(day), midnight(day) + DAY - _RESOLUTION), ZoneInfo(zone or "UTC")
    return sorted({end.astimezone(UTC).astimezone(local).date() for end in ends})


def unreadable_times(
    name: str, values: pl.Series, rules: TimeRules, problem: str = ""
) -> TerminalError:
    """Return the error of a column without a readable time, with the key that may help.

    Args:
        name: The column.
        values: Its cells; at least one is present.
        rules: The rules with which none could be read.
        problem: The problem in words; empty: that of a column.
    """
    shown = values.drop_nulls()[0]
    probable = [form for form in fitting_formats(values) if form != rules.form]
    key = "ingest.time_format"
    if len(probable) == 1:
        step = f"write {key}: {probable[0]!r}"
        step += " into the spec" if probable[0] != ISO else ", or delete the key"
    elif probable:
        step = f"say which of them it is: {key}: {' or '.join(map(repr, probable))}"
    else:
        step = f"write the format into {key}, correct the type of {name}, or derive it"
    return TerminalError(
        (problem or f"no cell of column {name!r} can be read as datetime")
        + ("" if rules.form == ISO else f" with the format {rules.form!r}"),
        received=f"{values.dtype}, such as {shown!r}",
        allowed=ALLOWED,
        next_step=step,
    )


def _moments(readings: pl.Series, zone: str, first: str) -> pl.Series:
    local = readings.dt.replace_time_zone(zone, ambiguous=first, non_existent="null")  # type: ignore[arg-type]
    return local.dt.convert_time_zone("UTC")


def _in_calendar(moments: pl.Series) -> pl.Series:
    """Return null for years that Python's dates do not have: 9999-12-31 may be 10000 in UTC."""
    known = moments.dt.year().is_between(1, 9999)
    return moments if known.all() else moments.set(~known.fill_null(value=True), None)


def _told_apart(
    early: pl.Series,
    late: pl.Series,
    twice: pl.Series,
    repeated: RepeatedHour,
    series: pl.DataFrame | None,
) -> tuple[pl.Series, pl.Series]:
    """Return the moments by the rule, and the mask of those that it does not tell.

    In order: of two rows with the same time and series, the first is the earlier one.
    """
    if repeated != "order":
        return (early if repeated == "earliest" else late), twice & False
    others = [] if series is None else series.get_columns()
    frame = pl.DataFrame([*others, early.alias("__time")])
    same = frame.select(pl.struct(pl.all()).alias("row")).select(
        pl.len().over("row").alias("count"), pl.int_range(pl.len()).over("row").alias("number")
    )
    second = twice & (same["number"] == 1)
    return early.zip_with(~second, late), twice & (same["count"] != 2)
