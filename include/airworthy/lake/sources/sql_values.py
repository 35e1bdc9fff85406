"""Turns the values of a database's driver into columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

_EXACT = 1 << 53


def batch_of(names: Sequence[str], rows: Sequence[Any]) -> pl.DataFrame:
    """Return a batch of rows.

    Args:
        names: The columns' names, each once.
        rows: At least one row; each has a value of each column.
    """
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return pl.DataFrame([column(name, values) for name, values in columns])


def stack(batches: list[pl.DataFrame]) -> pl.DataFrame:
    """Stack batches; a column with different types in two batches becomes text in all."""
    for name in batches[0].columns:
        kinds = {batch.schema[name] for batch in batches if batch.schema[name] != pl.Null}
        if len(kinds) > 1:
            batches = [batch.with_columns(pl.col(name).cast(pl.String)) for batch in batches]
    return pl.concat(batches, how="vertical_relaxed")


def column(name: str, values: Sequence[Any]) -> pl.Series:
    """Return a column of a driver's values.

    Mixed types become text, for `conform` to cast; so do JSON, arrays, UUIDs, intervals, bytes
    (hexadecimal) and other types that no declared type has, and decimals that a float cannot hold.

    >>> column("tags", [["a", "b"], None]).to_list()
    ['["a", "b"]', None]
    """
    if _need_texts(values):
        return _texts(name, values)
    try:
        series = pl.Series(name, values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return _texts(name, values)
    if series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary, pl.Duration):
        return _texts(name, values)
    return series


def _need_texts(values: Sequence[Any]) -> bool:
    """Tell whether decimals are among the values that a column of decimals would not keep."""
    decimals = [value for value in values if isinstance(value, Decimal)]
    return any(not value.is_finite() or abs(value) > _EXACT for value in decimals)


def _texts(name: str, values: Sequence[Any]) -> pl.Series:
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, set | frozenset):
        return json.dumps(sorted(value, key=str), default=str, ensure_ascii=False)
    return str(value)
