"""Casts source columns to the declared types. Unreadable cells become null."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from airworthy.category_text import category_texts
from airworthy.lake.times import TimeRules, read_times
from airworthy.spec.fields import ColumnType

BLANKS = ["", "nan", "NaN", "null", "NULL", "None"]
TRUE, FALSE = ["true", "t", "yes", "y", "1"], ["false", "f", "no", "n", "0"]


def blanks_to_null(
    column: pl.Series, kind: ColumnType, null_values: Sequence[str] = ()
) -> pl.Series:
    """Replace missing values by null: NaN, and blank texts of numbers and times.

    Args:
        column: The source's column.
        kind: Its declared type.
        null_values: Further texts without a value, in columns of every type; in a column of
            numbers, the numbers that they are.

    >>> blanks_to_null(pl.Series(["7", " - "]), "category", ["-"]).to_list()
    ['7', None]
    """
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    column = _without(column, null_values)
    if column.dtype.is_float():
        return column.fill_nan(None)
    if column.dtype != pl.String or kind in ("category", "string"):
        return column
    stripped = column.str.strip_chars()
    blank = stripped.is_in(BLANKS)
    return stripped.set(blank, None) if blank.any() else stripped


def _without(column: pl.Series, null_values: Sequence[str]) -> pl.Series:
    """Return a column with null in the place of some values."""
    if column.dtype == pl.String:
        absent = column.str.strip_chars().is_in(list(null_values))
    elif column.dtype.is_numeric():
        numbers = pl.Series(null_values, dtype=pl.String).cast(pl.Float64, strict=False)
        absent = column.cast(pl.Float64, strict=False).is_in(numbers.drop_nulls().to_list())
    else:
        return column
    return column.set(absent, None) if null_values and absent.any() else column


def cast_column(column: pl.Series, kind: ColumnType) -> pl.Series:
    """Cast a column without blanks to a declared type; unreadable cells become null.

    Text is parsed as a number, a time or a boolean. Times are ISO 8601, without an offset UTC; see
    `airworthy.lake.times` for others. A whole number may be written as ``3.0``. A category has one
    text per value: see `category_text`. A string keeps the source's texts.

    >>> cast_column(pl.Series(["3.0", "x"]), "int").to_list()
    [3, None]
    >>> cast_column(pl.Series([3.0, None]), "category").to_list()
    ['3', None]
    """
    if kind == "string" and column.dtype == pl.String:
        return column
    if kind in ("category", "string"):
        return category_texts(column)
    if kind == "datetime":
        return read_times(column, TimeRules()).values
    cast = {"float": _floats, "int": _integers, "bool": _booleans}[kind]
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
