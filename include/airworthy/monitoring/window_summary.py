"""Summaries of windows: counts and moments of every monitored column, from one pass over all rows.

Summaries with the same bins can be added. A window is therefore read piece by piece, and a
reference window is never read twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.monitoring.bins import Bins, CategoryBins, ColumnBins, NumberBins, numbers_of

_NO_MOMENTS = (np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class ColumnSummary:
    """The summary of one column over some rows.

    Attributes:
        counts: Rows in each bin, shape (bins,), float64. The last bin of categories is the others.
        sums: Sum of the standardised numbers in each bin, shape (bins,); empty for categories.
        squares: Sum of their squares in each bin, shape (bins,); empty for categories.
        higher: Sums of their third and fourth powers over all bins, shape (2,); empty for
            categories.
        missing: Rows without a value.
    """

    counts: Array
    sums: Array
    squares: Array
    higher: Array
    missing: float

    @property
    def present(self) -> float:
        """Rows with a value."""
        return float(self.counts.sum())

    @property
    def rows(self) -> float:
        """All rows."""
        return self.present + self.missing

    def __add__(self, other: ColumnSummary) -> ColumnSummary:
        """Return the summary of the rows of both."""
        return ColumnSummary(
            self.counts + other.counts,
            self.sums + other.sums,
            self.squares + other.squares,
            self.higher + other.higher,
            self.missing + other.missing,
        )

    def __sub__(self, other: ColumnSummary) -> ColumnSummary:
        """Return the summary of these rows without the rows of `other`, a part of them."""
        return ColumnSummary(
            self.counts - other.counts,
            self.sums - other.sums,
            self.squares - other.squares,
            self.higher - other.higher,
            self.missing - other.missing,
        )

    def to_json(self) -> list[Any]:
        """Return plain JSON values."""
        arrays = (self.counts, self.sums, self.squares, self.higher)
        return [*(values.tolist() for values in arrays), self.missing]

    @classmethod
    def from_json(cls, values: list[Any]) -> ColumnSummary:
        """Return the summary from the values of `to_json`."""
        counts, sums, squares, higher = (np.array(each, float) for each in values[:4])
        return cls(counts, sums, squares, higher, float(values[4]))


Summary = dict[str, ColumnSummary]


def summarise(frames: Iterable[pl.DataFrame], bins: Bins) -> Summary:
    """Summarise every row of some frames. One frame is in memory at a time.

    Args:
        frames: Frames with the columns of `bins`.
        bins: The bins of each column.
    """
    summary = {name: _empty_summary(column) for name, column in bins.columns.items()}
    for frame in frames:
        for name, column in bins.columns.items():
            summary[name] = summary[name] + summarise_column(frame[name], column)
    return summary


def summarise_column(values: pl.Series, bins: ColumnBins) -> ColumnSummary:
    """Summarise one column."""
    if isinstance(bins, CategoryBins):
        return _summarise_categories(values, bins)
    return _summarise_numbers(values, bins)


def rows_of(summary: Summary) -> int:
    """Return the number of rows of a summary; 0 without columns."""
    return int(max((column.rows for column in summary.values()), default=0))


def _empty_summary(bins: ColumnBins) -> ColumnSummary:
    if isinstance(bins, CategoryBins):
        return ColumnSummary(np.zeros(len(bins.categories) + 1), *_NO_MOMENTS, missing=0.0)
    size = len(bins.edges) - 1
    return ColumnSummary(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(2), 0.0)


def _summarise_numbers(values: pl.Series, bins: NumberBins) -> ColumnSummary:
    numbers = numbers_of(values)
    standardised = bins.standardised(numbers)
    # A value on an edge belongs to the bin below it. Each whole number then has its own bin.
    bin_numbers = np.searchsorted(bins.edges[1:-1], numbers, side="left")
    size = len(bins.edges) - 1
    squares = standardised * standardised
    higher = np.array([squares @ standardised, squares @ squares])
    counts, sums, sums_of_squares = (
        np.bincount(bin_numbers, weights, minlength=size).astype(float)
        for weights in (None, standardised, squares)
    )
    return ColumnSummary(counts, sums, sums_of_squares, higher, float(len(values) - numbers.size))


def _summarise_categories(values: pl.Series, bins: CategoryBins) -> ColumnSummary:
    texts = values.cast(pl.String).alias("value")
    all_counts = texts.drop_nulls().value_counts()
    categories = pl.DataFrame({"value": pl.Series(bins.categories, dtype=pl.String)})
    joined = categories.join(all_counts, on="value", how="left", maintain_order="left")
    counts = joined["count"].fill_null(0).to_numpy()
    others = all_counts["count"].sum() - counts.sum()
    return ColumnSummary(
        np.append(counts, others).astype(float), *_NO_MOMENTS, missing=float(texts.null_count())
    )
