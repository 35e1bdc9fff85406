"""The sample for behavioural tests is bounded, reproducible and fair."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from airworthy.evaluation.row_sample import RowSample


def sample(sizes: list[int], most: int, seed: int) -> list[int]:
    """Return a sample of numbered partitions; row numbers run through all of them.

    Args:
        sizes: Rows of each partition.
        most: Of the sample's rows.
        seed: Of the random numbers.
    """
    drawn, start = RowSample(most, seed), 0
    for size in sizes:
        drawn.add(pl.DataFrame({"row": pl.Series(range(start, start + size), dtype=pl.Int64)}))
        start += size
    return drawn.rows()["row"].to_list() if sizes else []


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(1, 100), st.integers(0, 99)
)
def test_a_sample_is_rows_once_each_in_order(sizes: list[int], most: int, seed: int) -> None:
    """The requested number of rows, or all; each once, in the rows' order; the same each time."""
    drawn = sample(sizes, most, seed)
    assert len(drawn) == min(most, sum(sizes))
    assert drawn == sorted(set(drawn))
    assert set(drawn) <= set(range(sum(sizes)))
    assert drawn == sample(sizes, most, seed)


def test_every_partition_has_its_share() -> None:
    """Over 200 seeds, ten of a hundred rows fall on a partition as often as its size says."""
    early = sum(row < 80 for seed in range(200) for row in sample([80, 20], 10, seed))
    # 80 % of 2,000 with more than five standard deviations (17) either side.
    assert 1500 < early < 1700
