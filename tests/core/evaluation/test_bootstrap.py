"""The paired bootstrap is as sure as it says, also when the rows of a day are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.evaluation.imperfect import imperfect

from airworthy.evaluation.bootstrap import (
    BootstrapSettings,
    expanded_tail,
    relative_cost,
    relative_loss,
)
from airworthy.evaluation.task_metrics import TaskMetric

SETTINGS = BootstrapSettings(confidence=0.95, resamples=400, seed=3)
ONE_DAY = np.zeros(500)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Over 200 samples of two equally good models, the 90 % interval contains zero in about 90 % of
    them.
    """
    covered = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        labels = random.normal(0, 1, 300)
        one, other = labels + random.normal(0, 1, 300), labels + random.normal(0, 1, 300)
        _, low, high = relative_loss(
            TaskMetric("regression", "rmse"),
            labels,
            one,
            other,
            days=np.zeros(300),
            settings=BootstrapSettings(confidence=0.9, resamples=300, seed=seed),
        )
        covered += low <= 0 <= high
    # 90 % of 200 with four standard deviations (8.5) either side.
    assert 163 <= covered <= 197


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_positive_is_worse_whatever_the_direction(metric: str) -> None:
    """A noisier challenger has a positive loss for a metric to minimise and for one to maximise."""
    labels, good = imperfect("regression", 500, seed=4)
    bad = good + np.random.default_rng(5).normal(0, 2, 500)
    point, low, high = relative_loss(
        TaskMetric("regression", metric), labels, bad, good, days=ONE_DAY, settings=SETTINGS
    )
    assert 0 < low < point < high


def test_a_model_is_no_worse_than_itself() -> None:
    """Compared with itself the loss is zero with a zero interval, so a repeated run passes its own
    gate.
    """
    labels, predictions = imperfect("binary", 500, seed=6)
    days = np.arange(500) // 50
    result = relative_loss(
        TaskMetric("binary", "auc"), labels, predictions, predictions, days=days, settings=SETTINGS
    )
    assert result == pytest.approx((0.0, 0.0, 0.0))


def costs(seed: int, days: int, alike: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the costs of two equally good models, 24 rows a day, and the rows' days.

    Of the variance of their difference, the share `alike` is the same for all rows of a day.

    Args:
        seed: Of the random numbers.
        days: How many days.
        alike: The share of a day's effect in its rows.
    """
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), 24)
    difference = np.sqrt(alike) * random.normal(size=days)[day] + np.sqrt(
        1 - alike
    ) * random.normal(size=day.size)
    return 10 + difference / 2, 10 - difference / 2, day


def wrong_ends(days: int, alike: float, *, as_one: bool = False) -> tuple[int, int]:
    """Count, of 300 intervals of 95 %, those wholly below and wholly above the true loss of zero.

    Args:
        days: How many days.
        alike: The share of a day's effect in its rows.
        as_one: Whether rows are drawn as if of one day.
    """
    below = above = 0
    for seed in range(300):
        one, other, day = costs(seed, days, alike)
        day = np.zeros(day.size) if as_one else day
        _, low, high = relative_cost(
            one, other, days=day, settings=BootstrapSettings(0.95, resamples=300, seed=seed)
        )
        below, above = below + (high < 0), above + (low > 0)
    return below, above


@pytest.mark.parametrize("days", [7, 14, 28])
def test_rows_of_a_day_that_are_alike(days: int) -> None:
    """Whole days are drawn as well: with unlike days, each end is wrong about as often as its 2.5
    %.
    """
    # 7.5 of 300 are meant; four standard deviations (2.7 each) above that are 18.
    assert max(wrong_ends(days, alike=0.3)) <= 18


def test_rows_alone_would_be_wrong_many_times_as_often() -> None:
    """The days are there for a reason: without them the same intervals are wrong in more than 10 %
    at each end.
    """
    assert min(wrong_ends(14, alike=0.3, as_one=True)) > 30


def test_days_that_do_not_matter_cost_little() -> None:
    """With like days, drawing them too makes the interval wider by less than half."""
    settings = BootstrapSettings(confidence=0.95, resamples=300, seed=1)
    widths = []
    for seed in range(50):
        one, other, day = costs(seed, 14, alike=0.0)
        ends = [
            relative_cost(one, other, days=each, settings=settings)
            for each in (day, np.zeros(day.size))
        ]
        widths.append((ends[0][2] - ends[0][1]) / (ends[1][2] - ends[1][1]))
    assert 1.0 <= np.mean(widths) < 1.5


@given(tail=st.floats(0.001, 0.25), days=st.integers(2, 2000))
def test_expanded_tail_nears_the_one_meant(tail: float, days: int) -> None:
    """Few days cut less from the ends than was meant; with very many it is the same."""
    result = expanded_tail(tail, days)
    assert 0 <= result < tail
    assert expanded_tail(tail, days + 1) >= result
    assert expanded_tail(tail, 1_000_000) == pytest.approx(tail, rel=1e-3)
