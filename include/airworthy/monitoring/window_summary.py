"""What is kept of a window: counts and moments of every watched column, made in one pass over all of its rows.

Summaries of the same bins add up, so a window is read piece by piece, and reference windows are never read twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.monitoring.bins import Bins, CategoryBins, ColumnBins, NumberBins, numbers_of

_NO_NUMBERS = (np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class ColumnSummary:
    """One column of some rows.

    Attributes:
        counts: Rows in each bin, shape (bins,), as float64; of categories, the others come last.
        sums: Sum of the standardised numbers in each bin, shape (bins,); empty for categories.
        squares: Sum of their squares in each bin, shape (bins,); empty for categories.
        higher: Sums of their third and fourth powers over all bins, shape (2,); empty for categories.
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
        """Return the summary of both together."""
        return ColumnSummary(
            self.counts + other.counts,
            self.sums + other.sums,
            self.squares + other.squares,
            self.higher + other.higher,
            self.missing + other.missing,
        )

    def __sub__(self, other: ColumnSummary) -> ColumnSummary:
        """Return the summary of these rows without the others, which are among them."""
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
        """Read what `to_json` gave."""
        counts, sums, squares, higher = (np.array(each, float) for each in values[:4])
        return cls(counts, sums, squares, higher, float(values[4]))


Summary = dict[str, ColumnSummary]


def summarise(frames: Iterable[pl.DataFrame], bins: Bins) -> Summary:
    """Summarise every row of some frames; one frame is in memory at a time.

    Args:
        frames: Each has the columns of `bins`.
        bins: How each column is counted.
    """
    found = {name: _nothing(column) for name, column in bins.columns.items()}
    for frame in frames:
        for name, column in bins.columns.items():
            found[name] = found[name] + summarise_column(frame[name], column)
    return found


def summarise_column(values: pl.Series, bins: ColumnBins) -> ColumnSummary:
    """Summarise one column."""
    if isinstance(bins, CategoryBins):
        return _categories(values, bins)
    return _numbers(values, bins)


def rows_of(summary: Summary) -> int:
    """Return how many rows a summary is of; 0 when no column is watched."""
    return int(max((column.rows for column in summary.values()), default=0))


def _nothing(bins: ColumnBins) -> ColumnSummary:
    if isinstance(bins, CategoryBins):
        return ColumnSummary(np.zeros(len(bins.categories) + 1), *_NO_NUMBERS, missing=0.0)
    size = len(bins.edges) - 1
    return ColumnSummary(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(2), 0.0)


def _numbers(values: pl.Series, bins: NumberBins) -> ColumnSummary:
    numbers = numbers_of(values)
    standard = bins.standardised(numbers)
    # A value that is an edge belongs to the bin below it; whole numbers then have bins of their own.
    place = np.searchsorted(bins.edges[1:-1], numbers, side="left")
    size = len(bins.edges) - 1
    squares = standard * standard
    higher = np.array([squares @ standard, squares @ squares])
    counts, sums, sums_of_squares = (
        np.bincount(place, weights, minlength=size).astype(float)
        for weights in (None, standard, squares)
    )
    return ColumnSummary(counts, sums, sums_of_squares, higher, float(len(values) - numbers.size))


def _categories(values: pl.Series, bins: CategoryBins) -> ColumnSummary:
    texts = values.cast(pl.String).alias("value")
    found = texts.drop_nulls().value_counts()
    known = pl.DataFrame({"value": pl.Series(bins.categories, dtype=pl.String)})
    counts = (
        known.join(found, on="value", how="left", maintain_order="left")["count"]
        .fill_null(0)
        .to_numpy()
    )
    others = found["count"].sum() - counts.sum()
    return ColumnSummary(
        np.append(counts, others).astype(float), *_NO_NUMBERS, missing=float(texts.null_count())
    )
