"""Statistics of a partition's columns, merged into those of a dataset version.

The statistics of a partition are computed once, while it is in memory. They are merged without
reading its rows again, so the statistics of a thousand days cost as much as those of one new day.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from airworthy.handover import StageOutput
from airworthy.lake.digest import type_name

MAX_COUNTED_VALUES = 100
"""Values are counted one by one in a column of up to this many different values."""
_HEAD_ROWS = 1000


class ColumnStatistics(StageOutput):
    """The statistics of one column.

    Attributes:
        type: Its Polars type.
        count: Values present.
        nulls: Values missing.
        mean: Of numbers, and of booleans as 0 and 1; None without values, or when it is too large
            for a float.
        std: Sample standard deviation; None with fewer than two values.
        min: Least number or earliest time (ISO 8601, UTC); None for text and booleans.
        max: Greatest number or latest time.
        distinct: Number of different values; None for decimals and times.
        exact: True when `distinct` is exact; else it is a lower bound, the largest one of a
            partition.
        values: Count of each value, most frequent first; None with more than `MAX_COUNTED_VALUES`
            values.
    """

    type: str
    count: int
    nulls: int
    mean: float | None = None
    std: float | None = None
    min: int | float | str | None = None
    max: int | float | str | None = None
    distinct: int | None = None
    exact: bool = True
    values: dict[str, int] | None = None


Statistics = dict[str, ColumnStatistics]


def frame_statistics(frame: pl.DataFrame) -> Statistics:
    """Return the statistics of every column of a frame, in the frame's order."""
    expressions = [each for name, kind in frame.schema.items() for each in _aggregates(name, kind)]
    results = frame.select(expressions).row(0, named=True) if expressions else {}
    return {name: _column(frame[name], results) for name in frame.columns}


def _aggregates(name: str, kind: pl.DataType) -> list[pl.Expr]:
    column = pl.col(name)
    aggregates: dict[str, pl.Expr] = {}
    if kind.is_numeric() or kind == pl.Boolean:
        aggregates |= {"mean": column.mean(), "std": column.cast(pl.Float64).std()}
    if kind.is_numeric() or kind.is_temporal():
        aggregates |= {"min": column.min(), "max": column.max()}
    return [expression.alias(f"{key}|{name}") for key, expression in aggregates.items()]


def _column(column: pl.Series, results: dict[str, Any]) -> ColumnStatistics:
    nulls, kind = column.null_count(), column.dtype
    aggregates = {
        key: _json_value(results.get(f"{key}|{column.name}"))
        for key in ("mean", "std", "min", "max")
    }
    distinct, values = (
        (None, None)
        if kind.is_float() or kind.is_temporal()
        else _count_values(column.drop_nulls())
    )
    return ColumnStatistics(
        type=type_name(kind),
        count=column.len() - nulls,
        nulls=nulls,
        distinct=distinct,
        values=values,
        **aggregates,
    )


def _count_values(column: pl.Series) -> tuple[int, dict[str, int] | None]:
    """Return the number of different values, and the count of each one if they are few."""
    # Counting each of many values would cost more than all else here. The first rows show such
    # columns.
    if column.head(_HEAD_ROWS).n_unique() > MAX_COUNTED_VALUES:
        return column.n_unique(), None
    counts = column.value_counts()
    if counts.height > MAX_COUNTED_VALUES:
        return counts.height, None
    return counts.height, _ordered({str(value): count for value, count in counts.iter_rows()})


def _json_value(value: Any) -> Any:
    """Convert a value for JSON: a time becomes text, a number that is not finite becomes None."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def merge_statistics(parts: Iterable[Statistics]) -> Statistics:
    """Merge the statistics of several frames into those of all their rows.

    A column missing in some frames has the statistics of the others. Of several types, the last is
    given.
    """
    by_name: dict[str, list[ColumnStatistics]] = {}
    for part in parts:
        for name, column in part.items():
            by_name.setdefault(name, []).append(column)
    return {name: _merge_columns(columns) for name, columns in by_name.items()}


def _merge_columns(columns: list[ColumnStatistics]) -> ColumnStatistics:
    mean, std = _merge_moments(columns)
    values = _merge_values(columns)
    distincts = [column.distinct for column in columns if column.distinct is not None]
    largest = max(distincts, default=None)
    return ColumnStatistics(
        type=columns[-1].type,
        count=sum(column.count for column in columns),
        nulls=sum(column.nulls for column in columns),
        mean=mean,
        std=std,
        min=min((c.min for c in columns if c.min is not None), default=None, key=_order),
        max=max((c.max for c in columns if c.max is not None), default=None, key=_order),
        distinct=len(values) if values is not None else largest,
        exact=values is not None or largest is None or (len(columns) == 1 and columns[0].exact),
        values=values if values is not None and len(values) <= MAX_COUNTED_VALUES else None,
    )


def _merge_moments(columns: list[ColumnStatistics]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of all values.

    The formula of Chan, Golub and LeVeque (1983) has no cancellation of sums of squares. A value
    that is too large for a float is None.
    """
    parts = [column for column in columns if column.count]
    if not parts or any(column.mean is None for column in parts):
        return None, None
    count = sum(column.count for column in parts)
    try:
        mean = math.fsum(column.count / count * (column.mean or 0.0) for column in parts)
    except OverflowError:
        return None, None
    if count == 1 or any(column.std is None and column.count > 1 for column in parts):
        return mean, None
    try:
        return mean, _std(parts, mean, count)
    except OverflowError:
        scale = max(max(abs(column.mean or 0.0), column.std or 0.0) for column in parts)
        std = scale * _std(parts, mean, count, scale)
        return mean, std if math.isfinite(std) else None


def _std(parts: list[ColumnStatistics], mean: float, count: int, scale: float = 1.0) -> float:
    """Return the standard deviation of all values, in units of `scale`.

    Raises:
        OverflowError: when a square is too large for a float.
    """
    within = math.fsum(((part.std or 0.0) / scale) ** 2 * (part.count - 1) for part in parts)
    between = math.fsum(
        part.count * ((part.mean or 0.0) / scale - mean / scale) ** 2 for part in parts
    )
    return math.sqrt((within + between) / (count - 1))


def _merge_values(columns: list[ColumnStatistics]) -> dict[str, int] | None:
    if any(column.values is None for column in columns):
        return None
    counts: Counter[str] = Counter()
    for column in columns:
        counts.update(column.values or {})
    return _ordered(counts)


def _ordered(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _order(value: int | float | str) -> tuple[bool, Any]:
    """Return a sort key: numbers before times. A column with a changed type has both."""
    return isinstance(value, str), value
