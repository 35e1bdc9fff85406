"""A profile recognises its own data and notices data that moved."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.monitoring.profile import Profile, make_profile, stability_indices

INPUTS = {"at": "datetime", "km": "float", "city": "category"}


def frame(seed: int, shift: float = 0.0, cities: str = "abc", missing: float = 0.02) -> pl.LazyFrame:
    random = np.random.default_rng(seed)
    km = random.normal(10 + shift, 2, 4000)
    km[random.uniform(size=4000) < missing] = np.nan
    return pl.LazyFrame({"km": km, "city": random.choice(list(cities), 4000)})


def test_same_distribution_is_near_zero() -> None:
    """Two samples of the same distribution are far below the usual limit of 0.1."""
    profile = make_profile(frame(1), INPUTS)
    assert max(stability_indices(profile, frame(2)).values()) < 0.02


@pytest.mark.parametrize(
    ("column", "moved"),
    [("km", frame(3, shift=2.0)), ("km", frame(3, missing=0.3)), ("city", frame(3, cities="abd"))],
)
def test_moved_data_is_noticed(column: str, moved: pl.LazyFrame) -> None:
    """A shifted mean, missing values and a new category each exceed 0.25."""
    assert stability_indices(make_profile(frame(1), INPUTS), moved)[column] > 0.25


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=False)), min_size=1, max_size=50))
@settings(deadline=None)
def test_shares_always_add_up(values: list[float | None]) -> None:
    """Whatever the numbers, every row is in exactly one bin, and the profile survives JSON."""
    rows = pl.LazyFrame({"km": pl.Series(values, dtype=pl.Float64), "city": ["a"] * len(values)})
    profile = make_profile(rows, INPUTS)
    for column in profile.columns.values():
        assert sum(column.shares) == pytest.approx(1.0)
    assert Profile.model_validate_json(profile.model_dump_json()) == profile
    assert stability_indices(profile, rows)["km"] == pytest.approx(0.0, abs=1e-9)
