"""Which slice each row is in: a column's value, or the bin that its number falls into."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from airworthy.spec.evaluate_part import Slices

MISSING = "missing"
Chosen = np.ndarray[Any, np.dtype[np.bool_]]


def bin_names(bins: list[float]) -> list[str]:
    """Return the names of the bins in their order: ``< 2``, ``[2, 5)``, ``>= 5``."""
    between = [f"[{low:.12g}, {high:.12g})" for low, high in pairwise(bins)]
    return [f"< {bins[0]:.12g}", *between, f">= {bins[-1]:.12g}"]


def in_slices(rows: pl.DataFrame, slices: list[Slices]) -> pl.DataFrame:
    """Return one column per sliced column: the name of the slice that each row is in, ``missing`` for null and NaN."""
    return rows.select(_slice(each).alias(each.column) for each in slices)


def slice_names(column: pl.Series, slices: Slices) -> list[str]:
    """Return the slices that have rows, values in the order of their names, bins in their own."""
    found = set(column.unique().to_list())
    order = sorted(found) if slices.bins is None else [*bin_names(slices.bins), MISSING]
    return [name for name in order if name in found]


def rows_in_slices(column: pl.Series, slices: Slices) -> Iterator[tuple[str, Chosen]]:
    """Yield each slice that has rows, and which rows these are, shape (rows,)."""
    for name in slice_names(column, slices):
        yield name, (column == name).to_numpy()


def _slice(slices: Slices) -> pl.Expr:
    column = pl.col(slices.column)
    if slices.bins is None:
        return column.cast(pl.String).fill_null(MISSING)
    names = bin_names(slices.bins)
    # An Enum costs a byte or four a row, however many rows there are.
    kind = pl.Enum([*names, MISSING])
    number = column.cast(pl.Float64).fill_nan(None)
    return (
        number.cut(slices.bins, labels=names, left_closed=True)
        .cast(pl.String)
        .fill_null(MISSING)
        .cast(kind)
    )
