"""Conclusions from a staleness curve are pure, and the same for the same points."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.container import ErrorbarContainer

from airworthy.errors import TerminalError
from airworthy.staleness.curve import (
    AgedLoss,
    AgeLimit,
    AgePoint,
    SkippedAge,
    StalenessCurve,
    curve_table,
    find_limit,
    holdout_ends,
    parse_ages,
)
from airworthy.staleness.curve_plot import draw

END = datetime(2026, 3, 20, tzinfo=UTC)


def points(**highs: float) -> list[AgePoint]:
    """Points by age, such as ``d7=0.1``: the upper end of the loss."""
    result = {int(name[1:]): high for name, high in {"d0": 0.0, **highs}.items()}
    return [
        AgePoint(
            age=age,
            windows=3,
            rows=900,
            value=5.0 + high,
            fresh=5.0,
            loss=high / 2,
            low=-0.01,
            high=high,
        )
        for age, high in result.items()
    ]


def curve(limit: AgeLimit) -> StalenessCurve:
    """Return a curve with this limit."""
    aged = [
        AgedLoss(
            age=point.age,
            as_of=END,
            rows=300,
            value=point.value,
            loss=point.loss,
            low=point.low,
            high=point.high,
            version="4" if point.age == 0 else None,
        )
        for point in points(d7=0.1, d30=0.4)
    ]
    left_out = [SkippedAge(age=90, as_of=END, why="its data would begin before the model's")]
    return StalenessCurve(
        model="parcels",
        end=END,
        metric="rmse",
        confidence=0.95,
        max_loss=0.2,
        holdout="3d",
        points=points(d7=0.1, d30=0.4),
        windows=aged,
        left_out=left_out,
        limit=limit,
    )


@pytest.mark.parametrize(
    ("highs", "age", "words"),
    [
        ({"d7": 0.1, "d30": 0.3}, 7, "from 30d on a model may lose up to 30.0%, over the 20%"),
        (
            {"d7": 0.1, "d30": 0.2},
            30,
            "no age that was tried can lose more than 20%: the alert is set to the oldest",
        ),
        ({"d7": 0.25, "d30": 0.1}, None, "from 7d on a model may lose up to 25.0%, over the 20%"),
        ({"d7": 0.1, "d30": 0.3, "d90": 0.15}, 7, "from 30d on"),
    ],
)
def test_the_limit_is_the_oldest_age_before_any_that_loses_too_much(
    highs: dict[str, float], age: int | None, words: str
) -> None:
    """An older age, better again by chance, does not excuse a younger one too bad."""
    limit = find_limit(reversed(points(**highs)), 0.2)
    assert limit.age == age
    assert words in limit.told


@given(st.integers(1, 20), st.integers(1, 60))
def test_holdouts_do_not_overlap_nor_share_their_weekdays(count: int, days: int) -> None:
    """They go back from the newest, a holdout or more apart, never whole weeks."""
    ends = holdout_ends(END, count, timedelta(days=days))
    assert len(ends) == count
    assert ends[-1] == END
    steps = {(later - earlier).days for earlier, later in pairwise(ends)}
    assert all(step >= max(days, 14) and step % 7 for step in steps)


@pytest.mark.parametrize(
    ("text", "ages"),
    [("0d,7d,30d,90d", [0, 7, 30, 90]), ("2w, 1d", [0, 1, 14]), ("48h,2d", [0, 2])],
)
def test_ages_are_whole_days_held_against_a_fresh_model(text: str, ages: list[int]) -> None:
    assert parse_ages(text) == ages


@pytest.mark.parametrize("text", ["", "0d", "seven", "12h", "7d;30d", "-1d"])
def test_what_are_no_ages_is_refused(text: str) -> None:
    """The error has the received text and the form of ages."""
    with pytest.raises(TerminalError, match="these are no ages") as refused:
        parse_ages(text)
    assert "0d,7d,30d,90d" in str(refused.value)
    assert "--ages" in str(refused.value.next_step)


def test_the_table_has_every_age_and_what_was_left_out() -> None:
    lines = curve_table(curve(AgeLimit(age=7, told="from 30d on"))).splitlines()
    assert lines[0] == "parcels: rmse by age, on holdouts of 3d up to 2026-03-20"
    assert [line.split()[0] for line in lines[2:5]] == ["0d", "7d", "30d"]
    assert lines[4].split()[1:] == ["3", "900", "5.4", "+20.0%", "-1.0%", "to", "+40.0%"]
    assert lines[5] == "left out: 90d as of 2026-03-20: its data would begin before the model's"
    assert lines[6:] == ["taken from the registry: version 4", "limit: from 30d on"]


@pytest.mark.parametrize("age", [7, None])
def test_the_picture_shows_points_interval_and_limit(age: int | None) -> None:
    """The drawn values are the measured ones; without a limit there is no line for it."""
    figure = draw(curve(AgeLimit(age=age, told="")))
    figure.savefig(io.BytesIO(), format="png")
    axes = figure.axes[0]
    points = axes.containers[0]
    assert isinstance(points, ErrorbarContainer)
    assert np.asarray(points.lines[0].get_xydata()).tolist() == [
        [0.0, 0.0],
        [7.0, 0.05],
        [30.0, 0.2],
    ]
    tops = [segment[1][1] for segment in points.lines[2][0].get_segments()]
    assert tops == pytest.approx([0.0, 0.1, 0.4])
    legend = axes.get_legend()
    assert legend is not None
    texts = {text.get_text() for text in legend.get_texts()}
    assert (f"limit: {age} days" in texts) == (age is not None)
