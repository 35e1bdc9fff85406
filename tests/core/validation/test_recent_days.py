"""A day is held against recent days: a loss breaks an expectation, and an ordinary week does not."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.validation.recent_days import DayFigures, day_expectations, row_limits

FIRST = date(2026, 1, 5)  # a Monday


def calendar(counts: list[int]) -> dict[date, int]:
    """Return the rows of consecutive days; a day without rows has no partition."""
    return {FIRST + timedelta(days=n): count for n, count in enumerate(counts) if count}


def broken_days(rows: dict[date, int]) -> list[date]:
    """Return the days with too few rows."""
    return [day for day, limit in row_limits(rows).items() if rows[day] < limit.least]


@given(
    weekdays=st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7).filter(any),
    usual=st.integers(1, 50_000),
    days=st.integers(1, 90),
    growth=st.floats(0.99, 1.03),
    noise=st.floats(0.0, 0.15),
    ends=st.tuples(st.floats(0.0, 1.0), st.floats(0.75, 1.0)),
    seed=st.integers(0, 10_000),
)
def test_ordinary_weeks_break_nothing(
    weekdays: list[float],
    usual: int,
    days: int,
    growth: float,
    noise: float,
    ends: tuple[float, float],
    seed: int,
) -> None:
    """Any weekly pattern, growth or decline, noise, and partial first and last days are ordinary."""
    random = np.random.default_rng(seed)
    numbers = np.arange(days)
    expected = usual * np.array(weekdays)[numbers % 7] * growth**numbers
    expected = expected * random.lognormal(0.0, noise, days)
    expected[0] *= ends[0]
    expected[-1] *= ends[1]
    assert broken_days(calendar(random.poisson(expected).tolist())) == []


@pytest.mark.parametrize("days", [8, 14, 28, 150])
@pytest.mark.parametrize("weekend", [1.0, 0.1])
def test_a_fifth_of_a_days_rows_breaks_it_wherever_seven_days_are_before_it(
    days: int, weekend: float
) -> None:
    """The first seven days are not judged; each later one is, and a second loss beside it, too."""
    usual = [round(1000 * (weekend if n % 7 > 4 else 1.0)) for n in range(days)]
    for lost in range(days):
        counts = [count // 5 if n == lost else count for n, count in enumerate(usual)]
        assert broken_days(calendar(counts)) == ([FIRST + timedelta(lost)] if lost >= 7 else [])
    if days > 9:
        twice = [count // 5 if n >= days - 2 else count for n, count in enumerate(usual)]
        assert len(broken_days(calendar(twice))) == 2


def test_small_and_weekly_data_are_not_judged() -> None:
    """Under fifty rows a day, or with a day a week, there is no expectation."""
    assert row_limits(calendar([49] * 60)) == {}
    assert row_limits(calendar([5000, 0, 0, 0, 0, 0, 0] * 6)) == {}


@given(st.floats(0.0, 1.0), st.integers(50, 2000), st.integers(0, 1000))
def test_chance_alone_makes_no_column_null(share: float, rows: int, seed: int) -> None:
    """Eight weeks of one share of nulls break nothing, however few the rows."""
    nulls = np.random.default_rng(seed).binomial(rows, share, 56)
    days = {FIRST + timedelta(n): DayFigures(rows, {"km": int(nulls[n])}) for n in range(56)}
    for day, expectations in day_expectations(days, False, ["km"]).items():
        for each in expectations:
            present = 1 - days[day].nulls["km"] / rows
            assert present >= each.expectation.arguments["mostly"]


def test_a_column_that_is_half_null_breaks_its_expectation() -> None:
    """The limit is a quarter of the rows above the highest recent share, on weekends as on others."""
    shares = [0.3 if n % 7 > 4 else 0.02 for n in range(14)]
    days = {
        FIRST + timedelta(n): DayFigures(1000, {"km": round(1000 * share)})
        for n, share in enumerate([*shares, 0.6])
    }
    [expectation] = day_expectations(days, False, ["km"])[FIRST + timedelta(14)]
    assert expectation.expectation.arguments["mostly"] == pytest.approx(0.45)
    assert "recent days have had 30.0% at most" in expectation.usual
