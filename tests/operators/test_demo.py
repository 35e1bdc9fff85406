"""The demo's second act, without a stack: its change of the world, and its tables."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.days import midnight
from airworthy.errors import TerminalError
from airworthy.handover import Shift, ShiftCheck
from airworthy.handover.monitor_outputs import Aspect
from airworthy.spec import load_spec
from airworthy_airflow.demo.change import MOST_WEEKS, WEEK, find_change, week_from
from airworthy_airflow.demo.served_quality import ServedQuality
from airworthy_airflow.demo.text import quality_table, shift_table

MODELS = Path(__file__).resolve().parents[2] / "include/models"
SPEC = load_spec(MODELS / "delivery_drift/model.yaml")
TODAY = date(2026, 11, 25)
MONDAY = 0


@given(st.dates(date(2020, 1, 20), date(2026, 8, 1)))
def test_the_change_is_one_that_the_champion_has_not_seen(trained_until: date) -> None:
    """The world differs from the day before, and there is a whole week after the champion's data
    and before it.
    """
    source = SPEC.ingest.source
    change = find_change(SPEC, midnight(trained_until), TODAY)
    assert source.has_drift(change) != source.has_drift(change - timedelta(days=1))  # type: ignore[union-attr]
    assert week_from(change - WEEK).start >= midnight(trained_until)
    assert change.weekday() == MONDAY


def test_an_act_that_is_played_again_goes_on_in_time() -> None:
    """The champion of one act, trained after any poll, leads to the next change; a broken-off act
    repeats.
    """
    change = find_change(SPEC, None, TODAY)
    assert find_change(SPEC, midnight(change - WEEK), TODAY) == change
    for polls in range(1, MOST_WEEKS + 1):
        following = find_change(SPEC, midnight(change + polls * WEEK), TODAY)
        assert following == change + 8 * WEEK


def test_a_world_without_a_change_ahead_is_an_error() -> None:
    """Nothing is played into the future, and only a simulated world has changes to play."""
    with pytest.raises(TerminalError, match="does not change any more") as refused:
        find_change(SPEC, midnight(TODAY), TODAY)
    assert "make clean" in str(refused.value)
    with pytest.raises(TerminalError, match="does not change any more"):
        find_change(load_spec(MODELS / "bike_demand/model.yaml"), None, TODAY)


def test_quality_is_told_by_phase() -> None:
    """Days, versions, number of answers, and each metric; a missing one is a dash."""
    before = ServedQuality(
        "before", week_from(date(2020, 2, 24)), ("1",), 6987, {"rmse": 3.974, "mae": 2.738}
    )
    after = ServedQuality("after", week_from(date(2020, 3, 16)), ("1", "2"), 0, {})
    [head, first, second] = quality_table([before, after]).splitlines()
    assert head.split() == ["days", "version", "answers", "rmse", "mae"]
    assert first.split() == ["before", "[2020-02-24,", "2020-03-02)", "1", "6,987", "3.97", "2.74"]
    assert second.split() == ["after", "[2020-03-16,", "2020-03-23)", "1,", "2", "0", "-", "-"]


def test_shifts_are_told_once_a_column_with_those_that_count_first() -> None:
    """Of each column its greatest shift; an unmonitored one is marked, however far it moved."""
    check = ShiftCheck(
        signal="skew",
        outcome="fired",
        words="",
        reference="",
        evidence="",
        drifted=["city", "km"],
        shifts=[
            shift("season", effect=9.0),
            shift("km", effect=0.3),
            shift("km", effect=0.4, aspect="spread"),
            shift("city", effect=0.9),
            shift("still", effect=0.1),
        ],
    )
    rows = [line.split() for line in shift_table(check, ["season"]).splitlines()[1:]]
    assert [row[:3] for row in rows] == [
        ["DRIFT", "city", "distance"],
        ["DRIFT", "km", "spread"],
        ["ignored", "season", "distance"],
        ["still", "distance", "0.100"],
    ]


def shift(column: str, effect: float, aspect: Aspect = "distance") -> Shift:
    """Return a shift of a column.

    Args:
        column: Its name.
        effect: The size.
        aspect: Of the shift.
    """
    return Shift(
        column=column,
        aspect=aspect,
        effect=effect,
        threshold=0.15,
        natural=0.05,
        p_value=0.001,
        importance=0.2,
    )
