"""The cost of checking a partition's digest: reading and hashing against reading alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from airworthy.lake.digest import frame_digest

_ROWS, _REPEATS = 200_000, 7


def main() -> None:
    """Print the times of the best repetition and their ratio."""
    frame = _frame()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.parquet"
        frame.write_parquet(path, compression="zstd", compression_level=1)
        reading = _seconds(lambda: pl.read_parquet(path))
        checking = _seconds(lambda: frame_digest(pl.read_parquet(path)))
        megabytes = path.stat().st_size / 1e6
    print(f"{_ROWS:,} rows, {frame.width} columns, {megabytes:.0f} MB on disk")
    print(
        f"reading {reading:.3f} s, reading and checking {checking:.3f} s: {checking / reading:.1f}"
    )


def _frame() -> pl.DataFrame:
    random = np.random.default_rng(0)
    numbers = {f"x{index}": random.normal(size=_ROWS) for index in range(8)}
    counts = {f"k{index}": random.integers(0, 1000, _ROWS) for index in range(3)}
    texts = {"city": random.choice(["rome", "oslo", "a longer name of a city"], _ROWS)}
    return pl.DataFrame({**numbers, **counts, **texts, "late": random.integers(0, 2, _ROWS) > 0})


def _seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


if __name__ == "__main__":
    main()
