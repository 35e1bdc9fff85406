"""Statistics of partitions, merged, are those of all rows together."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airworthy.lake.statistics import (
    MAX_COUNTED_VALUES,
    ColumnStatistics,
    frame_statistics,
    merge_statistics,
)

SCHEMA = {
    "at": pl.Datetime("us", "UTC"), "n": pl.Int64(), "x": pl.Float64(), "city": pl.String(), "late": pl.Boolean(),
}  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = st.floats(-1e6, 1e6)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 86_400).map(lambda seconds: START + timedelta(seconds=seconds)),
        st.none() | st.integers(-1000, 1000),
        st.none() | NUMBERS,
        st.none() | st.sampled_from(["oslo", "rome", "bern", ""]),
        st.none() | st.booleans(),
    ),
    max_size=30,
)


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Return a frame of these rows."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_merged_statistics_are_those_of_all_rows(parts: list[list[tuple[Any, ...]]]) -> None:
    """However rows are split into partitions, the merged statistics are those of one frame with all
    of them.
    """
    whole = frame_statistics(frame_of([row for rows in parts for row in rows]))
    result = merge_statistics(frame_statistics(frame_of(rows)) for rows in parts)
    assert list(result) == list(SCHEMA)
    for name, column in whole.items():
        exact = {"mean", "std"}
        assert result[name].model_dump(exclude=exact) == column.model_dump(exclude=exact), name
        for moment in ("mean", "std"):
            expected, value = getattr(column, moment), getattr(result[name], moment)
            assert value == (
                None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-6)
            ), (name, moment)


@given(st.lists(st.lists(st.floats(allow_nan=False), max_size=4), min_size=1, max_size=4))
@example([[1.797e308], [-1.797e308, 1.797e308], [1.0]])
def test_no_number_is_too_large_for_statistics(parts: list[list[float]]) -> None:
    """A partition that is in the lake has statistics; what no float can hold is missing in them."""
    frames = [pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)}) for values in parts]
    merged = merge_statistics(frame_statistics(frame) for frame in frames)["x"]
    assert json.loads(merged.model_dump_json())["count"] == sum(map(len, parts))
    assert all(value is None or math.isfinite(value) for value in (merged.mean, merged.std))


@given(ROWS)
def test_statistics_are_what_polars_says(rows: list[tuple[Any, ...]]) -> None:
    """Counts, extremes, moments and different values are those of the column itself."""
    frame = frame_of(rows)
    result = frame_statistics(frame)
    number = frame["n"]
    assert (result["n"].count, result["n"].nulls) == (number.count(), number.null_count())
    assert (result["n"].min, result["n"].max, result["n"].mean) == (
        number.min(),
        number.max(),
        number.mean(),
    )
    assert result["n"].distinct == number.drop_nulls().n_unique()
    assert sum((result["city"].values or {}).values()) == frame["city"].count()
    assert result["x"].distinct is None
    first = frame["at"].min()
    assert result["at"].min == (first.isoformat() if isinstance(first, datetime) else None)


@given(ROWS)
def test_statistics_survive_json(rows: list[tuple[Any, ...]]) -> None:
    """The JSON is strict and reads back as the same."""
    for column in frame_statistics(frame_of(rows)).values():
        text = column.model_dump_json()
        json.loads(text, parse_constant=pytest.fail)
        assert ColumnStatistics.model_validate_json(text) == column


def test_a_column_of_many_values_is_counted_and_not_listed() -> None:
    """Beyond the limit no value is kept, and the number of different ones is marked as a lower
    bound.
    """
    halves = [
        pl.DataFrame({"id": range(start, start + MAX_COUNTED_VALUES)})
        for start in (0, MAX_COUNTED_VALUES)
    ]
    parts = [frame_statistics(half) for half in halves]
    assert parts[0]["id"].values is not None
    both = merge_statistics(parts)["id"]
    assert (both.values, both.distinct, both.exact) == (None, 2 * MAX_COUNTED_VALUES, True)
    more = merge_statistics([{"id": both}, parts[0]])["id"]
    assert (more.distinct, more.exact) == (2 * MAX_COUNTED_VALUES, False)
    assert merge_statistics([{"id": more}])["id"] == more


def test_a_column_that_came_later_counts_for_its_own_rows() -> None:
    """A column of later partitions alone is neither lost nor filled up with nulls."""
    parts = [
        frame_statistics(pl.DataFrame({"a": [1, 2]})),
        frame_statistics(pl.DataFrame({"a": [3], "b": ["x"]})),
    ]
    result = merge_statistics(parts)
    assert (result["a"].count, result["b"].count, result["b"].nulls) == (3, 1, 0)
