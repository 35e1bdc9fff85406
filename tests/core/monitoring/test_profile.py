"""A profile recognises its own data and notices moved data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.monitoring.column_profile import (
    Profile,
    build_profile,
    comparable_columns,
    sample_rows,
    stability_indices,
)
from airworthy.spec.fields import ColumnType

INPUTS: dict[str, ColumnType] = {"at": "datetime", "km": "float", "city": "category"}


def frame(
    seed: int, shift: float = 0.0, cities: str = "abc", missing: float = 0.02
) -> pl.LazyFrame:
    """Return rows with a number and a category.

    Args:
        seed: Of the random numbers.
        shift: Of the numbers' mean.
        cities: The categories.
        missing: The share of missing numbers.
    """
    random = np.random.default_rng(seed)
    km = random.normal(10 + shift, 2, 4000)
    km[random.uniform(size=4000) < missing] = np.nan
    return pl.LazyFrame({"km": km, "city": random.choice(list(cities), 4000)})


def test_same_distribution_is_near_zero() -> None:
    """Two samples of the same distribution are far below the usual limit of 0.1."""
    profile = build_profile(frame(1), INPUTS)
    assert max(stability_indices(profile, frame(2)).values()) < 0.02


@pytest.mark.parametrize(
    ("column", "moved"),
    [("km", frame(3, shift=2.0)), ("km", frame(3, missing=0.3)), ("city", frame(3, cities="abd"))],
)
def test_moved_data_is_noticed(column: str, moved: pl.LazyFrame) -> None:
    """A shifted mean, missing values and a new category each exceed 0.25."""
    assert stability_indices(build_profile(frame(1), INPUTS), moved)[column] > 0.25


@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=False)),
        min_size=1,
        max_size=50,
    )
)
@settings(deadline=None)
def test_shares_always_add_up(values: list[float | None]) -> None:
    """Whatever the numbers, every row is in exactly one bin, and the profile survives JSON."""
    rows = pl.LazyFrame({"km": pl.Series(values, dtype=pl.Float64), "city": ["a"] * len(values)})
    profile = build_profile(rows, INPUTS)
    for column in profile.columns.values():
        assert sum(column.shares) == pytest.approx(1.0)
    assert Profile.model_validate_json(profile.model_dump_json()) == profile
    assert stability_indices(profile, rows)["km"] == pytest.approx(0.0, abs=1e-9)


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


def test_sample_has_the_distribution_of_all_rows() -> None:
    """A tenth of the rows gives the profile of all, within chance."""
    whole = pl.concat([frame(seed).collect() for seed in range(10)])
    drawn = sample_rows(
        [frame(seed).collect() for seed in range(10)], ["km", "city"], 40_000, 4_000
    )
    assert max(stability_indices(build_profile(whole.lazy(), INPUTS), drawn).values()) < 0.02


def test_columns_that_changed_are_not_measured() -> None:
    """A missing column, or a number turned into text, has no distance."""
    profile = build_profile(frame(1), INPUTS)
    assert list(comparable_columns(profile, {"km": "category", "city": "string"}).columns) == [
        "city"
    ]
    assert list(comparable_columns(profile, {"km": "int"}).columns) == ["km"]
