"""A sample of partitions is bounded, even, and always the same."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.monitoring.sampled_rows import sample_rows


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(1, 400))
@settings(deadline=None)
def test_sample_is_bounded_even_and_the_same_again(heights: list[int], at_most: int) -> None:
    """A sample holds about `at_most` rows, of every partition with rows."""
    frames = [
        pl.DataFrame({"km": np.arange(float(n)), "part": np.full(n, index)})
        for index, n in enumerate(heights)
    ]
    drawn = [
        sample_rows(iter(frames), ["part", "km"], sum(heights), at_most).collect() for _ in range(2)
    ]
    assert drawn[0].equals(drawn[1])
    assert drawn[0].height <= min(sum(heights), at_most + len(heights))
    assert set(drawn[0]["part"]) == {index for index, n in enumerate(heights) if n}
    if sum(heights) <= at_most:
        assert drawn[0].height == sum(heights)
