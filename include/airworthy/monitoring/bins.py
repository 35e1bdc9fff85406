"""Bins of columns. They are built once from a champion's training data and used for every window.

A number far outside the training data counts as the outermost edge: one absurd value cannot shift a
whole window, and a changed unit still does.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.arrays import Array
from airworthy.spec.fields import ColumnType

NUMBERS = ("float", "int")
_BINS = 64
_TAIL = 0.001  # values beyond these quantiles may be accidents
_MAX_CATEGORIES = 1000


class NumberBins(BaseModel):
    """Bins of a numeric column.

    Attributes:
        kind: Always ``number``.
        edges: Ascending, the two outermost edges included.
        centre: Mean of the training data.
        scale: Standard deviation of the training data, never 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["number"] = "number"
    edges: list[float]
    centre: float
    scale: float

    def standardised(self, values: Array) -> Array:
        """Return numbers in training standard deviations from the training mean.

        Numbers beyond the outermost edges are moved to these edges.

        >>> bins = NumberBins(edges=[0.0, 10.0], centre=5.0, scale=2.0)
        >>> bins.standardised(np.array([7.0, 99.0])).tolist()
        [1.0, 2.5]
        """
        clipped = np.clip(values, self.edges[0], self.edges[-1])
        return np.asarray((clipped - self.centre) / self.scale)


class CategoryBins(BaseModel):
    """The categories of the training data, sorted. All others share one further bin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["category"] = "category"
    categories: list[str]


ColumnBins = NumberBins | CategoryBins


class Bins(BaseModel):
    """The bins of all monitored columns, by column name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, ColumnBins]

    @property
    def digest(self) -> str:
        """SHA-256 of the bins. Only summaries with the same bins can be compared."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def build_bins(rows: pl.DataFrame, types: dict[str, ColumnType]) -> Bins:
    """Build the bins of columns from training rows.

    Args:
        rows: Training rows with at least these columns.
        types: Column name -> declared type. Times get no bins.
    """
    return Bins(
        columns={
            name: _number_bins(numbers_of(rows[name]))
            if column_type in NUMBERS
            else _category_bins(rows[name])
            for name, column_type in types.items()
            if column_type != "datetime"
        }
    )


def numbers_of(column: pl.Series) -> Array:
    """Return the numbers of a column as float64, without missing values and NaN.

    >>> numbers_of(pl.Series([1.0, None, float("nan"), 2.0])).tolist()
    [1.0, 2.0]
    """
    values: Array = column.cast(pl.Float64).drop_nulls().to_numpy()
    missing: Array = np.isnan(values)
    return values[~missing] if missing.any() else values


def _number_bins(values: Array) -> NumberBins:
    if values.size == 0:
        return NumberBins(edges=[-1.0, 1.0], centre=0.0, scale=1.0)
    low, high = (float(quantile) for quantile in np.quantile(values, [_TAIL, 1 - _TAIL]))
    reach = high - low or max(abs(low), 1.0)
    inner = np.quantile(values, np.arange(1, _BINS) / _BINS)
    edges = np.unique([low - reach, *inner, high + reach])
    clipped = np.clip(values, edges[0], edges[-1])
    return NumberBins(
        edges=edges.tolist(), centre=float(clipped.mean()), scale=float(clipped.std()) or reach
    )


def _category_bins(column: pl.Series) -> CategoryBins:
    counts = column.cast(pl.String).drop_nulls().alias("value").value_counts()
    ordered = counts.sort(["count", "value"], descending=[True, False])
    return CategoryBins(categories=sorted(ordered.head(_MAX_CATEGORIES)["value"].to_list()))
