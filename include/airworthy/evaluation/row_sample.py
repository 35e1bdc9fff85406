"""A bounded, reproducible sample of rows that come partition by partition."""

from __future__ import annotations

import numpy as np
import polars as pl

from airworthy.arrays import Array


class RowSample:
    """A uniform sample of at most `max_rows` rows, without replacement.

    At most twice as many rows are in memory.

    Each row draws a number from a seeded generator. The rows with the smallest numbers are kept, in
    their order.
    """

    def __init__(self, max_rows: int, seed: int) -> None:
        """Start with no rows."""
        self.max_rows = max_rows
        self._generator = np.random.default_rng(seed)
        self._draws: Array = np.empty(0)
        self._rows: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Add the next partition; all partitions have the same columns."""
        draws = self._generator.random(frame.height)
        kept = self._smallest(draws)
        candidates = frame[kept]
        if self._rows is not None:
            candidates = pl.concat([self._rows, candidates])
        draws = np.concatenate([self._draws, draws[kept]])
        kept = self._smallest(draws)
        self._draws, self._rows = draws[kept], candidates[kept]

    def rows(self) -> pl.DataFrame:
        """Return the sample; a frame without columns when nothing was added."""
        return pl.DataFrame() if self._rows is None else self._rows

    def _smallest(self, draws: Array) -> Array:
        return np.sort(np.argsort(draws, kind="stable")[: self.max_rows])
