"""A profile of the data that a model was trained on, and the distance of other data from it.

The distance is the population stability index, sum((a - e) * ln(a / e)) over bins, where e is the expected and a the
actual share of a bin (Siddiqi 2006, Credit Risk Scorecards, chapter 8). Missing values are a bin of their own.
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
_ENOUGH_ROWS = 500_000  # shares of a tenth are then known to 0.001; more would only cost memory
_MOST_CATEGORIES = 200
_FLOOR = 1e-4  # an empty bin would make the index infinite
_NUMBERS = {"float", "int"}


class ColumnProfile(BaseModel):
    """The bins of one column: inner edges of a numeric column, or categories; shares add up to 1, missing last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: list[float] | None
    categories: list[str]
    shares: list[float]


class Profile(BaseModel):
    """The profile of a dataset: a `ColumnProfile` for every input column that is not a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    columns: dict[str, ColumnProfile]


def sample_rows(
    frames: Iterable[pl.DataFrame], columns: Iterable[str], rows: int, at_most: int = _ENOUGH_ROWS
) -> pl.LazyFrame:
    """Return the same share of every frame's rows, drawn with a fixed seed; one whole frame is in memory at a time.

    Args:
        frames: Partitions.
        columns: Those to keep.
        rows: How many rows the frames have together, at most.
        at_most: About how many rows to return; all of them when there are no more.
    """
    share, names = min(1.0, at_most / max(rows, 1)), list(columns)
    parts = (
        [frame.select(names) for frame in frames]
        if share == 1.0
        else [
            frame.select(names).sample(n=math.ceil(frame.height * share), seed=0)
            for frame in frames
        ]
    )
    return pl.concat(parts).lazy() if parts else pl.LazyFrame(schema=dict.fromkeys(names, pl.Null))


def comparable(profile: Profile, inputs: dict[str, ColumnType]) -> Profile:
    """Return the profile of those columns that are still inputs, and of the same kind: a number or not."""
    columns = {
        name: column
        for name, column in profile.columns.items()
        if name in inputs and (column.edges is not None) == (inputs[name] in _NUMBERS)
    }
    return Profile(rows=profile.rows, columns=columns)


def make_profile(frame: pl.LazyFrame, inputs: dict[str, ColumnType]) -> Profile:
    """Profile the input columns of a frame."""
    kinds = {name: kind for name, kind in inputs.items() if kind != "datetime"}
    rows = int(frame.select(pl.len()).collect().item())
    numbers = [name for name, kind in kinds.items() if kind in _NUMBERS]
    quantiles = [
        _number(name).quantile(step / _BINS, "lower").alias(f"{name}|{step}")
        for name in numbers
        for step in range(1, _BINS)
    ]
    cuts: dict[str, Any] = frame.select(quantiles).collect().to_dicts()[0] if quantiles else {}
    columns = {}
    for name in kinds:
        edges = sorted(
            {float(v) for s in range(1, _BINS) if (v := cuts.get(f"{name}|{s}")) is not None}
        )
        columns[name] = _profile_column(frame, name, edges if name in numbers else None)
    return Profile(rows=rows, columns=columns)


def _profile_column(frame: pl.LazyFrame, name: str, edges: list[float] | None) -> ColumnProfile:
    if edges is not None:
        return ColumnProfile(edges=edges, categories=[], shares=_numeric_shares(frame, name, edges))
    counts = frame.group_by(pl.col(name).cast(pl.String).alias("value")).len().collect()
    known = (
        counts.drop_nulls("value")
        .sort(["len", "value"], descending=[True, False])
        .head(_MOST_CATEGORIES)
    )
    categories = sorted(known["value"].to_list())
    return ColumnProfile(
        edges=None, categories=categories, shares=_category_shares(frame, name, categories)
    )


def _numeric_shares(frame: pl.LazyFrame, name: str, edges: list[float]) -> list[float]:
    value = _number(name)
    missing = value.is_null()
    bounds = [-math.inf, *edges, math.inf]
    inner = [(value > low) & (value <= high) for low, high in pairwise(bounds)]
    return _shares(frame, [*inner, missing])


def _number(name: str) -> pl.Expr:
    """Return a column as numbers, NaN as missing: Polars orders NaN above every number."""
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _category_shares(frame: pl.LazyFrame, name: str, categories: list[str]) -> list[float]:
    value = pl.col(name).cast(pl.String)
    other = value.is_not_null() & ~value.is_in(categories)
    return _shares(frame, [*(value == category for category in categories), other, value.is_null()])


def _shares(frame: pl.LazyFrame, bins: list[pl.Expr]) -> list[float]:
    counted = [each.fill_null(False).mean().alias(str(number)) for number, each in enumerate(bins)]
    row = frame.select(counted).collect().row(0)
    return [float(share or 0.0) for share in row]


def stability_indices(profile: Profile, frame: pl.LazyFrame) -> dict[str, float]:
    """Return each profiled column's population stability index in `frame`, which has those columns."""
    found = {}
    for name, column in profile.columns.items():
        if column.edges is not None:
            actual = _numeric_shares(frame, name, column.edges)
        else:
            actual = _category_shares(frame, name, column.categories)
        found[name] = _index(column.shares, actual)
    return found


def _index(expected: list[float], actual: list[float]) -> float:
    pairs = [(max(e, _FLOOR), max(a, _FLOOR)) for e, a in zip(expected, actual, strict=True)]
    return sum((a - e) * math.log(a / e) for e, a in pairs)
