"""Windows follow one another, and are compared with the same hours of earlier days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.monitoring.spans import Span, comparable_windows, last_complete

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
LENGTHS = st.sampled_from([HOUR, 3 * HOUR, 12 * HOUR, DAY, WEEK, 2 * WEEK])
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, LENGTHS)
def test_the_last_window_has_ended_and_the_next_has_not(
    moment: datetime, length: timedelta
) -> None:
    """Every moment has one last complete window; a window later it is the next one."""
    span = last_complete(moment, length)
    assert span.end - span.start == length
    assert span.end <= moment < span.end + length
    assert last_complete(moment + length, length).start == span.end
    assert span.start.minute == 0
    assert length > 12 * HOUR or span.start.hour % (length // HOUR) == 0


def test_days_begin_at_midnight_and_weeks_on_monday() -> None:
    """2026-03-20 is a Friday."""
    moment = datetime(2026, 3, 20, 5, 30, tzinfo=UTC)
    assert last_complete(moment, DAY) == Span(
        datetime(2026, 3, 19, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
    )
    assert last_complete(moment, WEEK).start == datetime(2026, 3, 9, tzinfo=UTC)
    assert last_complete(moment, HOUR).start.hour == 4


@given(MOMENTS, LENGTHS, st.integers(0, 40), st.integers(0, 40))
def test_windows_alike_have_the_same_hours(
    moment: datetime, length: timedelta, back: int, days: int
) -> None:
    """They lie within the bounds, at the same hours, without overlap; no fitting one is left out."""
    span = last_complete(moment, length)
    until = span.start - back * HOUR
    since = until - days * DAY
    comparable = comparable_windows(span, since, until)
    assert all(since <= each.start and each.end <= until for each in comparable)
    assert all(
        (each.start.hour, each.end - each.start) == (span.start.hour, length) for each in comparable
    )
    assert all(before.end <= after.start for before, after in pairwise(comparable))
    step = max(length, DAY)
    assert len(comparable) >= max(0, (until - since - length) // step)


def test_windows_after_the_given_one_count_as_well() -> None:
    """A champion's training days may lie after a window of the past."""
    span = last_complete(datetime(2026, 3, 3, tzinfo=UTC), DAY)
    comparable = comparable_windows(
        span, datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    )
    assert [each.start.day for each in comparable] == [10, 11]


@pytest.mark.parametrize(("length", "seasons"), [(HOUR, 7), (DAY, 7), (WEEK, 1)])
def test_the_season_is_the_weekday(length: timedelta, seasons: int) -> None:
    """Windows of a day or less have seven seasons, those of weeks one."""
    span = last_complete(datetime(2026, 3, 30, tzinfo=UTC), length)
    comparable = comparable_windows(span, span.start - 6 * WEEK, span.start)
    assert len({each.season for each in comparable}) == seasons
