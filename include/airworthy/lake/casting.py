"""Casts source columns to the declared types. Unreadable cells become null."""

from __future__ import annotations

import polars as pl

from airworthy.category_text import category_texts
from airworthy.spec.fields import ColumnType

BLANKS = ["", "nan", "NaN", "null", "NULL", "None"]
TRUE, FALSE = ["true", "t", "yes", "y", "1"], ["false", "f", "no", "n", "0"]
UTC_MICROSECONDS = pl.Datetime("us", "UTC")
_OFFSET_FORMATS = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M%:z")
_PLAIN_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def blanks_to_null(column: pl.Series, kind: ColumnType) -> pl.Series:
    """Replace missing values by null: NaN, and blank texts of numbers and times."""
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype.is_float():
        return column.fill_nan(None)
    if column.dtype != pl.String or kind in ("category", "string"):
        return column
    stripped = column.str.strip_chars()
    blank = stripped.is_in(BLANKS)
    return stripped.set(blank, None) if blank.any() else stripped


def cast_column(column: pl.Series, kind: ColumnType) -> pl.Series:
    """Cast a column without blanks to a declared type; unreadable cells become null.

    Text is parsed as a number, a time or a boolean. Times without an offset are UTC. A whole number
    may be written as ``3.0``. A category has one text per value: see `category_text`. A string
    keeps the source's texts.

    >>> cast_column(pl.Series(["3.0", "x"]), "int").to_list()
    [3, None]
    >>> cast_column(pl.Series([3.0, None]), "category").to_list()
    ['3', None]
    """
    if kind == "string" and column.dtype == pl.String:
        return column
    if kind in ("category", "string"):
        return category_texts(column)
    cast = {"float": _floats, "int": _integers, "bool": _booleans, "datetime": _times}[kind]
    return cast(column)


def _nulls(column: pl.Series, kind: pl.DataType) -> pl.Series:
    return pl.Series(column.name, [None], dtype=kind).new_from_index(0, column.len())


def _floats(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal():
        return _nulls(column, pl.Float64())
    return column.cast(pl.Float64, strict=False).fill_nan(None)


def _integers(column: pl.Series) -> pl.Series:
    if column.dtype.is_integer() or column.dtype == pl.Boolean:
        return column.cast(pl.Int64, strict=False)
    if column.dtype == pl.String:
        whole = column.cast(pl.Int64, strict=False)
        if whole.null_count() == column.null_count():
            return whole
        return whole.zip_with(whole.is_not_null(), _whole(_floats(column)))
    return _whole(_floats(column))


def _whole(numbers: pl.Series) -> pl.Series:
    whole = numbers.cast(pl.Int64, strict=False)
    return whole.set(whole.cast(pl.Float64) != numbers, None)


def _booleans(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    if column.dtype.is_numeric():
        column = _integers(column).cast(pl.String)
    if column.dtype != pl.String:
        return _nulls(column, pl.Boolean())
    lower = category_texts(column).str.to_lowercase()
    values = [True] * len(TRUE) + [False] * len(FALSE)
    return lower.replace_strict(TRUE + FALSE, values, default=None, return_dtype=pl.Boolean)


def _times(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        aware = (
            column.dt.replace_time_zone("UTC")
            if kind.time_zone is None
            else column.dt.convert_time_zone("UTC")
        )
        return aware.dt.cast_time_unit("us")
    if kind == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind != pl.String:
        return _nulls(column, UTC_MICROSECONDS)
    return _parse_times(column)


def _parse_times(column: pl.Series) -> pl.Series:
    """Parse ISO 8601 texts, first in the kind of format of the first cell, then in the others."""
    text = column.str.replace("T", " ", literal=True).str.replace(r"\s?[zZ]$", "+00:00")
    times = _nulls(column, UTC_MICROSECONDS)
    offset_first = bool(text.drop_nulls().head(1).str.contains(r":\d\d.*[+-]\d\d:?\d\d$").any())
    for form in (
        (*_OFFSET_FORMATS, *_PLAIN_FORMATS) if offset_first else (*_PLAIN_FORMATS, *_OFFSET_FORMATS)
    ):
        if times.null_count() == column.null_count():
            break
        parsed = text.str.to_datetime(form, time_unit="us", strict=False)
        kind = parsed.dtype
        naive = isinstance(kind, pl.Datetime) and kind.time_zone is None
        aware = parsed.dt.replace_time_zone("UTC") if naive else parsed.dt.convert_time_zone("UTC")
        times = times.zip_with(times.is_not_null(), aware)
    return times
