"""A window is measured by how windows of its weekday differ anyway."""

from __future__ import annotations

import numpy as np
import polars as pl

from airworthy.handover import Shift
from airworthy.monitoring.bins import build_bins
from airworthy.monitoring.shifts import ReferenceWindow, measure_shifts, select_reference
from airworthy.monitoring.window_summary import summarise
from airworthy.spec.fields import ColumnType
from airworthy.spec.monitor_part import Drift

KINDS: dict[str, ColumnType] = {"n": "float", "c": "category"}
WEEKDAY_MEAN = [0.0, 0.2, 0.4, 0.2, 0.0, -1.0, -2.0]


def day(number: int, wander: float = 0.0, shift: float = 0.0, count: int = 800) -> pl.DataFrame:
    """Return one day of a world with a weekly season.

    Args:
        number: Of the day.
        wander: The spread of the mean from day to day.
        shift: Of the mean.
        count: How many rows.
    """
    chance = np.random.default_rng([number, 1])
    mean = WEEKDAY_MEAN[number % 7] + wander * chance.normal() + shift
    return pl.DataFrame(
        {"n": chance.normal(mean, 1.0, count), "c": chance.choice(list("abc"), count)}
    )


def distance(live: pl.DataFrame, days: list[int], season: int, wander: float = 0.0) -> Shift:
    """Return the distance of a day's numbers from reference days.

    Args:
        live: The live day.
        days: The reference days.
        season: The live day's weekday.
        wander: The spread of the mean from day to day.
    """
    frames = {number: day(number, wander) for number in days}
    bins = build_bins(pl.concat(frames.values()), KINDS)
    windows = [
        ReferenceWindow(number % 7, summarise([frame], bins)) for number, frame in frames.items()
    ]
    reference = select_reference(windows, season)
    assert reference is not None
    shifts = measure_shifts(summarise([live], bins), reference, bins, Drift(), {"n": 0.7})
    return next(each for each in shifts if (each.column, each.aspect) == ("n", "distance"))


def test_what_every_week_brings_is_no_shift() -> None:
    """A Sunday is compared with Sundays: two standard deviations from a Wednesday, and nothing to
    speak of.
    """
    sunday = distance(day(34), list(range(28)), season=6)
    assert sunday.effect < sunday.threshold
    assert sunday.p_value > 0.05
    assert distance(day(34), list(range(28)), season=2).effect > 1.0


def test_a_moved_day_stands_out() -> None:
    """A third of a standard deviation is far more than Sundays differ by."""
    moved = distance(day(34, shift=0.35), list(range(28)), season=6)
    assert moved.effect > moved.threshold
    assert moved.p_value < 1e-4
    assert moved.importance == 0.7


def test_a_world_that_wanders_excuses_more() -> None:
    """With days half a standard deviation apart anyway, the same effect is no surprise."""
    calm = distance(day(30, shift=0.5), list(range(28)), season=2)
    restless = distance(day(30, shift=0.5), list(range(28)), season=2, wander=0.5)
    assert restless.natural > 4 * calm.natural
    assert restless.p_value > 0.05 > calm.p_value


def test_days_without_a_change_are_seldom_significant() -> None:
    """In a wandering world too, chance shows about as often as it should, or less."""
    days = list(range(28))
    p_values = [
        distance(day(number, wander=0.3), days, number % 7, wander=0.3).p_value
        for number in range(100, 160)
    ]
    assert sum(p_value < 0.05 for p_value in p_values) <= 6


def test_too_short_a_history_has_no_seasons() -> None:
    """With one window of the weekday all are taken together; with one at all there is nothing to
    measure by.
    """
    bins = build_bins(day(0), KINDS)
    windows = [ReferenceWindow(number % 7, summarise([day(number)], bins)) for number in range(8)]
    mondays, tuesdays = select_reference(windows, 0), select_reference(windows, 1)
    assert mondays is not None
    assert tuesdays is not None
    assert (mondays.seasonal, len(mondays.matched), mondays.rows) == (True, 2, 1600)
    assert (tuesdays.seasonal, len(tuesdays.matched)) == (False, 8)
    assert select_reference(windows[:1], 0) is None
