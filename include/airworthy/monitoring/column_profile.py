"""Profiles of training data, and their distance from other data.

The distance is the population stability index, sum((a - e) * ln(a / e)) over bins. Here e is the
expected and a the actual share of a bin (Siddiqi 2006, Credit Risk Scorecards, chapter 8). Missing
values have a bin of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.spec.fields import ColumnType

_BINS = 10
_SAMPLE_ROWS = 500_000  # shares of a tenth are then known to 0.001; more would only cost memory
_MAX_CATEGORIES = 200
_MIN_SHARE = 1e-4  # an empty bin would make the index infinite
_NUMBERS = {"float", "int"}


class ColumnProfile(BaseModel):
    """The bins of one column.

    Attributes:
        edges: Inner edges of a numeric column; None for categories.
        categories: The categories; empty for a numeric column.
        shares: The share of rows in each bin. They add up to 1. Missing values come last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: list[float] | None
    categories: list[str]
    shares: list[float]


class Profile(BaseModel):
    """The profile of a dataset: a `ColumnProfile` for every input column except times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    columns: dict[str, ColumnProfile]


def sample_rows(
    frames: Iterable[pl.DataFrame],
    columns: Iterable[str],
    rows: int,
    max_rows: int = _SAMPLE_ROWS,
) -> pl.LazyFrame:
    """Return the same share of every frame's rows, drawn with a fixed seed.

    One whole frame is in memory at a time.

    Args:
        frames: Partitions.
        columns: Columns of the sample.
        rows: Rows of all frames together, at most.
        max_rows: About as many rows are returned. If there are no more, all are.
    """
    share, names = min(1.0, max_rows / max(rows, 1)), list(columns)
    parts = (
        [frame.select(names) for frame in frames]
        if share == 1.0
        else [
            frame.select(names).sample(n=math.ceil(frame.height * share), seed=0)
            for frame in frames
        ]
    )
    return pl.concat(parts).lazy() if parts else pl.LazyFrame(schema=dict.fromkeys(names, pl.Null))


def comparable_columns(profile: Profile, inputs: dict[str, ColumnType]) -> Profile:
    """Return a profile without the columns that cannot be compared with today's inputs.

    A column is comparable while it is an input and still a number, or still not a number.
    """
    columns = {
        name: column
        for name, column in profile.columns.items()
        if name in inputs and (column.edges is not None) == (inputs[name] in _NUMBERS)
    }
    return Profile(rows=profile.rows, columns=columns)


def build_profile(frame: pl.LazyFrame, inputs: dict[str, ColumnType]) -> Profile:
    """Build the profile of a frame's input columns."""
    types = {name: type_ for name, type_ in inputs.items() if type_ != "datetime"}
    rows = int(frame.select(pl.len()).collect().item())
    numeric = [name for name, type_ in types.items() if type_ in _NUMBERS]
    edges = _inner_edges(frame, numeric)
    columns = {name: _profile_column(frame, name, edges.get(name)) for name in types}
    return Profile(rows=rows, columns=columns)


def _inner_edges(frame: pl.LazyFrame, numeric: list[str]) -> dict[str, list[float]]:
    """Return numeric column -> its distinct inner quantiles, ascending, from one pass."""
    if not numeric:
        return {}
    steps = range(1, _BINS)
    quantiles = [
        _number(name).quantile(step / _BINS, "lower").alias(f"{name}|{step}")
        for name in numeric
        for step in steps
    ]
    values: dict[str, Any] = frame.select(quantiles).collect().to_dicts()[0]
    return {
        name: sorted(
            {float(value) for step in steps if (value := values[f"{name}|{step}"]) is not None}
        )
        for name in numeric
    }


def _profile_column(frame: pl.LazyFrame, name: str, edges: list[float] | None) -> ColumnProfile:
    if edges is not None:
        return ColumnProfile(edges=edges, categories=[], shares=_numeric_shares(frame, name, edges))
    counts = frame.group_by(pl.col(name).cast(pl.String).alias("value")).len().collect()
    ordered = counts.drop_nulls("value").sort(["len", "value"], descending=[True, False])
    categories = sorted(ordered.head(_MAX_CATEGORIES)["value"].to_list())
    shares = _category_shares(frame, name, categories)
    return ColumnProfile(edges=None, categories=categories, shares=shares)


def _numeric_shares(frame: pl.LazyFrame, name: str, edges: list[float]) -> list[float]:
    value = _number(name)
    bounds = [-math.inf, *edges, math.inf]
    bins = [(value > low) & (value <= high) for low, high in pairwise(bounds)]
    return _shares(frame, [*bins, value.is_null()])


def _number(name: str) -> pl.Expr:
    """Return a column as numbers, NaN as missing: Polars orders NaN above every number."""
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _category_shares(frame: pl.LazyFrame, name: str, categories: list[str]) -> list[float]:
    value = pl.col(name).cast(pl.String)
    other = value.is_not_null() & ~value.is_in(categories)
    return _shares(frame, [*(value == category for category in categories), other, value.is_null()])


def _shares(frame: pl.LazyFrame, bins: list[pl.Expr]) -> list[float]:
    means = [rows.fill_null(False).mean().alias(str(number)) for number, rows in enumerate(bins)]
    row = frame.select(means).collect().row(0)
    return [float(share or 0.0) for share in row]


def stability_indices(profile: Profile, frame: pl.LazyFrame) -> dict[str, float]:
    """Return column -> population stability index of a frame with the profile's columns."""
    return {
        name: _stability_index(column.shares, _actual_shares(frame, name, column))
        for name, column in profile.columns.items()
    }


def _actual_shares(frame: pl.LazyFrame, name: str, column: ColumnProfile) -> list[float]:
    if column.edges is not None:
        return _numeric_shares(frame, name, column.edges)
    return _category_shares(frame, name, column.categories)


def _stability_index(expected: list[float], actual: list[float]) -> float:
    pairs = [
        (max(e, _MIN_SHARE), max(a, _MIN_SHARE)) for e, a in zip(expected, actual, strict=True)
    ]
    return sum((a - e) * math.log(a / e) for e, a in pairs)
