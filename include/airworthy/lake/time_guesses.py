"""The format of a column of times, where its values allow one format only. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from airworthy.lake.time_parsing import parse_times
from airworthy.spec.time_formats import EPOCHS, ISO

_FIRST_YEAR, _LAST_YEAR = 1980, 2100
_FIRST_CELLS = 100
_DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%d %b %Y",
    "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%a, %d %b %Y", "%Y-%m-%d",
)  # fmt: skip
_CLOCKS = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S",
    " %H:%M:%S,%f", " %I %p", " %H", " %H:%M:%S %z", " %H:%M %z", " %H.%M", ", %H:%M", ", %H:%M:%S",
)  # fmt: skip
_STRFTIME = (
    *(date + clock for date in _DATES for clock in _CLOCKS),
    "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%dT%H%M%S", "%Y-%m", "%Y/%m", "%m/%Y", "%G-W%V", "%GW%V", "%G-W%V-%u",
    "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip


@dataclass(frozen=True)
class TimeGuess:
    """The format of a column, as the spec's `time_format` has it.

    Attributes:
        format: ``iso`` needs no key.
        has_zone: True when the times are of a known zone: an offset, UTC, or an epoch.
    """

    format: str
    has_zone: bool


def guess_time_format(column: pl.Series) -> TimeGuess | None:
    """Return the only format that all values of a column have; None: there is none, or several.

    >>> guess_time_format(pl.Series(["31.01.2026 10:00", "01.02.2026 11:30"]))
    TimeGuess(format='%d.%m.%Y %H:%M', has_zone=False)

    A text such as 03/04/2025 has two formats: its day may be first or second.
    """
    formats = fitting_formats(column)
    if len(formats) != 1:
        return None
    clock = parse_times(_values(column), formats[0])
    return TimeGuess(formats[0], clock.readings.null_count() == clock.readings.len())


def fitting_formats(column: pl.Series) -> list[str]:
    """Return all formats with which every value of a column is a time from 1980 to 2100."""
    values = _values(column)
    if values.is_empty():
        return []
    if values.dtype.is_temporal():
        return [ISO] if isinstance(values.dtype, pl.Datetime | pl.Date) else []
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.null_count() == 0:
        return [form for form in (*EPOCHS, "%Y%m%d", "%Y%m%d%H%M%S") if _fits(values, form)]
    if values.dtype != pl.String:
        return []
    if _fits(values, ISO):
        return [ISO]
    fitting = [form for form in _STRFTIME if _fits(values, form)]
    # A year of four digits reads as one of two digits and an hour, and the other way round.
    return [form for form in fitting if "%Y" in form] or fitting


def _values(column: pl.Series) -> pl.Series:
    values = column.drop_nulls()
    if values.dtype in (pl.Categorical, pl.Enum):
        values = values.cast(pl.String)
    if values.dtype == pl.String:
        values = values.str.strip_chars()
        values = values.filter(values != "")
    return values.unique(maintain_order=True)


def _fits(values: pl.Series, form: str) -> bool:
    if form in ("%Y%m%d", "%Y%m%d%H%M%S"):
        digits = 8 if form == "%Y%m%d" else 14
        lengths = values.cast(pl.Int64, strict=False).cast(pl.String).str.len_chars()
        if not (lengths == digits).fill_null(value=False).all():
            return False
    head = values.head(_FIRST_CELLS)
    return _all_times(head, form) and (head.len() == values.len() or _all_times(values, form))


def _all_times(values: pl.Series, form: str) -> bool:
    try:
        clock = parse_times(values, form)
    except pl.exceptions.PolarsError:
        return False
    naive = clock.moments.dt.replace_time_zone(None)
    years = naive.zip_with(naive.is_not_null(), clock.readings).dt.year()
    return bool(years.is_between(_FIRST_YEAR, _LAST_YEAR).fill_null(value=False).all())
