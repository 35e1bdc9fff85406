"""How a column's values are counted: bins made once from a champion's training data, the same for every window.

Numbers far beyond the training data count as the outermost edge, so that one absurd value cannot move a whole window,
and a changed unit still does.
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
_TAIL = 0.001  # beyond these quantiles lies what may be an accident
_MOST_CATEGORIES = 1000


class NumberBins(BaseModel):
    """Bins of a column of numbers: `edges` run upwards, the outermost two included; `scale` is never 0.

    `centre` and `scale` are mean and standard deviation of the training data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["number"] = "number"
    edges: list[float]
    centre: float
    scale: float

    def standardised(self, values: Array) -> Array:
        """Return numbers in standard deviations from the training data's mean, those far out moved to the edge."""
        return np.asarray(
            (np.clip(values, self.edges[0], self.edges[-1]) - self.centre) / self.scale
        )


class CategoryBins(BaseModel):
    """The categories that the training data had, sorted; all others are counted together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["category"] = "category"
    categories: list[str]


ColumnBins = NumberBins | CategoryBins


class Bins(BaseModel):
    """The bins of every watched column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, ColumnBins]

    @property
    def digest(self) -> str:
        """SHA-256 of the bins: what was counted in other bins cannot be compared."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def make_bins(rows: pl.DataFrame, kinds: dict[str, ColumnType]) -> Bins:
    """Make the bins of columns from training rows.

    Args:
        rows: The columns, at least.
        kinds: Those to watch, with their declared types; times are left out.
    """
    watched = {name: kind for name, kind in kinds.items() if kind != "datetime"}
    return Bins(
        columns={
            name: _number_bins(numbers_of(rows[name]))
            if kind in NUMBERS
            else _category_bins(rows[name])
            for name, kind in watched.items()
        }
    )


def numbers_of(column: pl.Series) -> Array:
    """Return the numbers of a column as float64, without those that are missing or NaN."""
    values: Array = column.cast(pl.Float64).drop_nulls().to_numpy()
    missing: Array = np.isnan(values)
    return values[~missing] if missing.any() else values


def _number_bins(values: Array) -> NumberBins:
    if values.size == 0:
        return NumberBins(edges=[-1.0, 1.0], centre=0.0, scale=1.0)
    low, high = (float(end) for end in np.quantile(values, [_TAIL, 1 - _TAIL]))
    reach = high - low or max(abs(low), 1.0)
    inner = np.quantile(values, np.arange(1, _BINS) / _BINS)
    edges = np.unique([low - reach, *inner, high + reach])
    clipped = np.clip(values, edges[0], edges[-1])
    return NumberBins(
        edges=edges.tolist(), centre=float(clipped.mean()), scale=float(clipped.std()) or reach
    )


def _category_bins(column: pl.Series) -> CategoryBins:
    counts = column.cast(pl.String).drop_nulls().alias("value").value_counts()
    most = counts.sort(["count", "value"], descending=[True, False]).head(_MOST_CATEGORIES)
    return CategoryBins(categories=sorted(most["value"].to_list()))
