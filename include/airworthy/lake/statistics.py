"""Statistics of a partition's columns, and how those of many partitions become those of a dataset version.

A partition is looked at once, while it is in memory; what it gave is merged with the others' without reading a row
again, so that the statistics of a thousand days cost what one new day costs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from airworthy.handover import Ref
from airworthy.lake.digest import type_name

MOST_VALUES = 100
"""Up to so many different values of a column are counted one by one."""
_GLIMPSE = 1000


class ColumnStatistics(Ref):
    """What is known of one column.

    Attributes:
        type: Its Polars type.
        count: Values that are there.
        nulls: Values that are missing.
        mean: Of a number, and of a truth value as 0 and 1; None without values, or when it is too large for a float.
        std: Sample standard deviation; None with fewer than two values.
        min: Least number or earliest time (ISO 8601, UTC); None for text and truth values.
        max: Greatest number or latest time.
        distinct: How many different values there are; None of decimals and times.
        exact: Whether `distinct` is; else it is the most that one partition has, and there are at least so many.
        values: How often each value occurs, most frequent first; None when there are more than `MOST_VALUES`.
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
    asked = [each for name, kind in frame.schema.items() for each in _asked(name, kind)]
    found = frame.select(asked).row(0, named=True) if asked else {}
    return {name: _column(frame[name], found) for name in frame.columns}


def _asked(name: str, kind: pl.DataType) -> list[pl.Expr]:
    column = pl.col(name)
    wanted: dict[str, pl.Expr] = {}
    if kind.is_numeric() or kind == pl.Boolean:
        wanted |= {"mean": column.mean(), "std": column.cast(pl.Float64).std()}
    if kind.is_numeric() or kind.is_temporal():
        wanted |= {"min": column.min(), "max": column.max()}
    return [expression.alias(f"{what}|{name}") for what, expression in wanted.items()]


def _column(column: pl.Series, found: dict[str, Any]) -> ColumnStatistics:
    nulls, kind = column.null_count(), column.dtype
    simple = {
        what: _plain(found.get(f"{what}|{column.name}")) for what in ("mean", "std", "min", "max")
    }
    distinct, values = (
        (None, None) if kind.is_float() or kind.is_temporal() else _counted(column.drop_nulls())
    )
    return ColumnStatistics(
        type=type_name(kind),
        count=column.len() - nulls,
        nulls=nulls,
        distinct=distinct,
        values=values,
        **simple,
    )


def _counted(column: pl.Series) -> tuple[int, dict[str, int] | None]:
    """Return how many different values there are, and how often each occurs, if they are few."""
    # Counting each of many values would cost more than all else here; some rows tell what kind of column it is.
    if column.head(_GLIMPSE).n_unique() > MOST_VALUES:
        return column.n_unique(), None
    counts = column.value_counts()
    few = counts.height <= MOST_VALUES
    return counts.height, _ordered(
        {str(value): count for value, count in counts.iter_rows()}
    ) if few else None


def _plain(value: Any) -> Any:
    """Return a value that JSON holds: a time as text, a number that is not finite as None."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def merged(parts: Iterable[Statistics]) -> Statistics:
    """Return the statistics of all rows of several frames, from the statistics of each.

    A column that only some of them have counts for those alone; of two types, the last one is named.
    """
    found: dict[str, list[ColumnStatistics]] = {}
    for part in parts:
        for name, column in part.items():
            found.setdefault(name, []).append(column)
    return {name: _merged_column(columns) for name, columns in found.items()}


def _merged_column(columns: list[ColumnStatistics]) -> ColumnStatistics:
    mean, std = _moments(columns)
    values = _merged_values(columns)
    most = max((column.distinct for column in columns if column.distinct is not None), default=None)
    return ColumnStatistics(
        type=columns[-1].type,
        count=sum(column.count for column in columns),
        nulls=sum(column.nulls for column in columns),
        mean=mean,
        std=std,
        min=min((c.min for c in columns if c.min is not None), default=None, key=_order),
        max=max((c.max for c in columns if c.max is not None), default=None, key=_order),
        distinct=len(values) if values is not None else most,
        exact=values is not None or most is None or (len(columns) == 1 and columns[0].exact),
        values=values if values is not None and len(values) <= MOST_VALUES else None,
    )


def _moments(columns: list[ColumnStatistics]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of all values (Chan, Golub and LeVeque 1983: no sum of squares cancels)."""
    known = [column for column in columns if column.count]
    if not known or any(column.mean is None for column in known):
        return None, None
    count = sum(column.count for column in known)
    mean = math.fsum(column.count / count * (column.mean or 0.0) for column in known)
    within = math.fsum((column.std or 0.0) ** 2 * (column.count - 1) for column in known)
    between = math.fsum(column.count * ((column.mean or 0.0) - mean) ** 2 for column in known)
    return mean, math.sqrt((within + between) / (count - 1)) if count > 1 else None


def _merged_values(columns: list[ColumnStatistics]) -> dict[str, int] | None:
    if any(column.values is None for column in columns):
        return None
    counts: Counter[str] = Counter()
    for column in columns:
        counts.update(column.values or {})
    return _ordered(counts)


def _ordered(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _order(value: int | float | str) -> tuple[bool, Any]:
    """Order numbers and times each among themselves; a column that changed its type has both."""
    return isinstance(value, str), value
