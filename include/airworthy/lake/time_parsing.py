"""Parses a column of times in one format. Unreadable cells become null."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from airworthy.spec.time_formats import EPOCHS, ISO, has_two_digit_year

UTC_MICROSECONDS = pl.Datetime("us", "UTC")
NAIVE_MICROSECONDS = pl.Datetime("us")
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Numbers are times within these years only: epoch_s is no epoch_ms."""
_OFFSET_FORMATS = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M%:z")
_PLAIN_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_PIVOT, _CENTURY = 2069, "-100y"


@dataclass(frozen=True)
class Clock:
    """The times of a column: each cell is in one of the two, or unreadable and null in both.

    Attributes:
        moments: Times with an offset, in UTC.
        readings: Times without an offset, as a clock shows them.
    """

    moments: pl.Series
    readings: pl.Series


def parse_times(column: pl.Series, form: str) -> Clock:
    """Parse a column without blanks.

    Columns of times need no format. Numbers need an epoch or a format of digits. A year of two
    digits is in 1969 to 2068.

    Args:
        column: Texts, numbers, dates or times.
        form: One of `airworthy.spec.time_formats`.
    """
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        return _of_times(column, kind)
    if kind == pl.Date:
        return _readings(column.cast(NAIVE_MICROSECONDS))
    if form in EPOCHS:
        return _moments(_from_epoch(column, EPOCHS[form]))
    if form != ISO and kind.is_numeric():
        whole = column.cast(pl.Int64, strict=False)
        column = whole.set(whole.cast(pl.Float64) != column.cast(pl.Float64), None).cast(pl.String)
    if column.dtype != pl.String:
        return _moments(_nulls(column, UTC_MICROSECONDS))
    return _parse_iso(column) if form == ISO else _parse_strftime(column, form)


def _of_times(column: pl.Series, kind: pl.Datetime) -> Clock:
    if kind.time_zone is None:
        return _readings(column.dt.cast_time_unit("us"))
    return _moments(column.dt.convert_time_zone("UTC").dt.cast_time_unit("us"))


def _moments(moments: pl.Series) -> Clock:
    return Clock(moments, _nulls(moments, NAIVE_MICROSECONDS))


def _readings(readings: pl.Series) -> Clock:
    return Clock(_nulls(readings, UTC_MICROSECONDS), readings)


def _nulls(column: pl.Series, kind: pl.DataType) -> pl.Series:
    return pl.Series(column.name, [None], dtype=kind).new_from_index(0, column.len())


def _from_epoch(column: pl.Series, nanoseconds: int) -> pl.Series:
    """Return the moments of numbers, or of texts of numbers; null outside the plausible years."""
    if column.dtype != pl.String and not column.dtype.is_numeric():
        return _nulls(column, UTC_MICROSECONDS)
    first, last = (
        int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
        for year in (FIRST_YEAR, LAST_YEAR + 1)
    )
    # A whole number is read as one: a float has too few digits for nanoseconds.
    whole = column.cast(pl.Int64, strict=False)
    scaled = whole * (nanoseconds // 1_000) if nanoseconds >= 1_000 else whole // 1_000
    if not column.dtype.is_integer():
        numbers = column.cast(pl.Float64, strict=False)
        rounded = (numbers * (nanoseconds / 1_000)).round().cast(pl.Int64, strict=False)
        is_whole = whole.is_not_null() & (whole.cast(pl.Float64) == numbers)
        scaled = scaled.zip_with(is_whole.fill_null(value=False), rounded)
    # The product of a number that is far too large wraps round: the bounds are compared before.
    limit = last * 1_000 // nanoseconds
    plausible = scaled.is_between(first, last, closed="left")
    plausible &= whole.cast(pl.Float64).abs().fill_null(0.0) <= limit
    scaled = scaled.set(~plausible.fill_null(value=False), None)
    return scaled.cast(UTC_MICROSECONDS)


def _parse_strftime(column: pl.Series, form: str) -> Clock:
    text, form = _adapted(column, form)
    parsed = text.str.to_datetime(form, time_unit="us", strict=False)
    if has_two_digit_year(form):
        late = parsed.dt.year() >= _PIVOT
        parsed = parsed.zip_with(~late.fill_null(value=False), parsed.dt.offset_by(_CENTURY))
    kind = parsed.dtype
    return _of_times(parsed, kind) if isinstance(kind, pl.Datetime) else _readings(parsed)


def _adapted(column: pl.Series, form: str) -> tuple[pl.Series, str]:
    """Return texts and format in the form that Polars reads: its %f counts nanoseconds."""
    if "%V" in form and not any(name in form for name in ("%u", "%a", "%A")):
        column, form = column + " 1", form + " %u"
    if ",%f" in form:
        column = column.str.replace(r"(\d),(\d{1,9})", "${1}.${2}")
    form = form.replace(",%f", "%.f").replace(".%f", "%.f")
    has_hour = any(f"%{name}" in form for name in ("H", "I", "k", "-H", "-I"))
    if has_hour and not any(f"%{name}" in form for name in ("M", "-M", "T", "R")):
        return column + ":00", form + ":%M"
    return column, form


def _parse_iso(column: pl.Series) -> Clock:
    """Parse ISO 8601 texts, first in the kind of format of the first cell, then in the others."""
    text = column.str.replace(r"(?i)\s?(z|utc|gmt)$", "+00:00").str.replace("T", " ", literal=True)
    moments, readings = _nulls(column, UTC_MICROSECONDS), _nulls(column, NAIVE_MICROSECONDS)
    offset_first = bool(text.drop_nulls().head(1).str.contains(r":\d\d.*[+-]\d\d:?\d\d$").any())
    for form in (
        (*_OFFSET_FORMATS, *_PLAIN_FORMATS) if offset_first else (*_PLAIN_FORMATS, *_OFFSET_FORMATS)
    ):
        missing = moments.is_null() & readings.is_null()
        if missing.sum() == column.null_count():
            break
        parsed = text.str.to_datetime(form, time_unit="us", strict=False)
        if form in _PLAIN_FORMATS:
            readings = readings.zip_with(~missing, parsed)
        else:
            moments = moments.zip_with(~missing, parsed.dt.convert_time_zone("UTC"))
    return Clock(moments, readings)
