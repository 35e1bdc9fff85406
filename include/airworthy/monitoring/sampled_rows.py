"""A sample of partitions' rows, for the bins of columns."""

from __future__ import annotations

import math
from collections.abc import Iterable

import polars as pl

_SAMPLE_ROWS = 500_000  # quantiles are then known well enough; more would only cost memory


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
