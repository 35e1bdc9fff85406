"""A bounded, reproducible sample of rows that come partition by partition."""

from __future__ import annotations

import numpy as np
import polars as pl

from airworthy.arrays import Array


class RowSample:
    """A uniform sample of at most `most` rows, without replacement; memory holds no more than twice as many.

    Each row draws a number from a seeded generator, and those with the smallest numbers stay, in the rows' order.
    """

    def __init__(self, most: int, seed: int) -> None:
        """Start with no rows."""
        self.most = most
        self._generator = np.random.default_rng(seed)
        self._draws: Array = np.empty(0)
        self._rows: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Take the next partition into account; all partitions have the same columns."""
        draws = self._generator.random(frame.height)
        kept = self._smallest(draws)
        rows = frame[kept]
        together = rows if self._rows is None else pl.concat([self._rows, rows])
        draws = np.concatenate([self._draws, draws[kept]])
        kept = self._smallest(draws)
        self._draws, self._rows = draws[kept], together[kept]

    def rows(self) -> pl.DataFrame:
        """Return the sample; a frame without columns when nothing was added."""
        return pl.DataFrame() if self._rows is None else self._rows

    def _smallest(self, draws: Array) -> Array:
        return np.sort(np.argsort(draws, kind="stable")[: self.most])
