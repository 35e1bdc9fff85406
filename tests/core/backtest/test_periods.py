"""The steps of a backtest follow one another without a gap, whatever their length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.backtest.periods import periods
from airworthy.errors import TerminalError

DAYS = st.integers(0, 3000).map(
    lambda days: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(days=days)
)


@given(DAYS, st.integers(1, 900), st.sampled_from(["1mo", "3mo", "1d", "2w", "10d", "48h"]))
def test_steps_cover_the_days_once(start: datetime, days: int, step: str) -> None:
    end = start + timedelta(days=days)
    steps = periods(start, end, step)
    assert (steps[0].start, steps[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in pairwise(steps))
    assert all(period.start < period.end for period in steps)
    assert len({period.name for period in steps}) == len(steps)


def test_months_are_calendar_months() -> None:
    """Steps go from a month's last day to the next month's last day, and back to the 31st if there
    is one.
    """
    steps = periods(datetime(2012, 1, 31, tzinfo=UTC), datetime(2012, 5, 10, tzinfo=UTC), "1mo")
    assert [f"{period.start:%m-%d}" for period in steps] == ["01-31", "02-29", "03-31", "04-30"]
    assert [period.name for period in steps] == ["2012-01", "2012-02", "2012-03", "2012-04"]
    quarters = periods(datetime(2012, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC), "3mo")
    assert [f"{period.end:%Y-%m-%d}" for period in quarters] == [
        "2012-04-01",
        "2012-07-01",
        "2012-10-01",
        "2013-01-01",
    ]


@pytest.mark.parametrize("step", ["", "month", "0mo", "1m", "12h", "36h", "0d"])
def test_what_is_no_step_is_refused(step: str) -> None:
    """Minutes, parts of a day and nothing at all are none; the error names the allowed steps."""
    with pytest.raises(TerminalError, match="this is no step") as refused:
        periods(datetime(2012, 1, 1, tzinfo=UTC), datetime(2012, 2, 1, tzinfo=UTC), step)
    assert "1mo, 2w, 10d" in str(refused.value)
