"""The slice of each row: a column's value, or the bin of its number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from airworthy.spec.evaluate_part import Slices

MISSING = "missing"
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def bin_names(bins: list[float]) -> list[str]:
    """Return the names of the bins in their order.

    >>> bin_names([2, 5])
    ['< 2', '[2, 5)', '>= 5']
    """
    between = [f"[{low:.12g}, {high:.12g})" for low, high in pairwise(bins)]
    return [f"< {bins[0]:.12g}", *between, f">= {bins[-1]:.12g}"]


def assign_slices(rows: pl.DataFrame, slices: list[Slices]) -> pl.DataFrame:
    """Return each row's slice name per sliced column; ``missing`` for null and NaN."""
    return rows.select(_slice_name(each).alias(each.column) for each in slices)


def slice_names(column: pl.Series, slices: Slices) -> list[str]:
    """Return the slices with rows: values in the order of their names, bins in their own order."""
    present = set(column.unique().to_list())
    order = sorted(present) if slices.bins is None else [*bin_names(slices.bins), MISSING]
    return [name for name in order if name in present]


def rows_in_slices(column: pl.Series, slices: Slices) -> Iterator[tuple[str, Mask]]:
    """Yield each slice with rows, and the mask of its rows, shape (rows,)."""
    for name in slice_names(column, slices):
        yield name, (column == name).to_numpy()


def _slice_name(slices: Slices) -> pl.Expr:
    column = pl.col(slices.column)
    if slices.bins is None:
        return column.cast(pl.String).fill_null(MISSING)
    names = bin_names(slices.bins)
    number = column.cast(pl.Float64).fill_nan(None)
    text = number.bin_intervals(slices.bins, labels=names).cast(pl.String)
    # An Enum costs one or four bytes a row, however many rows there are.
    return text.fill_null(MISSING).cast(pl.Enum([*names, MISSING]))
