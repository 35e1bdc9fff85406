"""Time cuts a dataset: training sees nothing from the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.errors import TerminalError
from airworthy.handover import Window
from airworthy.spec import ModelSpec
from airworthy.training.time_split import split_window

DAY = timedelta(days=1)


def spec(lookback: int, holdout: int, delay_hours: int) -> ModelSpec:
    """Return a spec with this split.

    Args:
        lookback: In days.
        holdout: In days.
        delay_hours: Of the labels.
    """
    return ModelSpec.model_validate(
        {
            "model": "some_model",
            "task": "regression",
            "owner": "team",
            "ingest": {
                "source": {"type": "simulator"},
                "event_time": "at",
                "key": ["id"],
                "label": "y",
                "label_delay": f"{delay_hours}h",
                "columns": {"id": "int", "y": "float"},
            },
            "train": {"lookback": f"{lookback}d", "holdout": f"{holdout}d"},
            "evaluate": {"gates": [{"metric": "rmse", "max": 1}]},
        }
    )


@given(
    lookback=st.integers(2, 200),
    holdout=st.integers(1, 60),
    delay=st.integers(0, 100),
    as_of=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
)
def test_parts_are_ordered_and_labels_were_known(
    lookback: int, holdout: int, delay: int, as_of: datetime
) -> None:
    """Learning < tuning < holdout, none empty, and the last label was known before as_of; else it
    says why not.
    """
    if holdout >= lookback:
        return
    end = as_of.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    window = Window.ending(end, lookback * DAY)
    if lookback - holdout - -(-delay // 24) < 2:
        with pytest.raises(TerminalError, match="too few days"):
            split_window(spec(lookback, holdout, delay), window)
        return
    bounds = split_window(spec(lookback, holdout, delay), window)
    assert (
        window.start
        == bounds.start
        < bounds.tuning_start
        < bounds.holdout_start
        < bounds.end
        <= window.end
    )
    assert bounds.end - bounds.holdout_start == holdout * DAY
    assert bounds.end + timedelta(hours=delay) <= window.end
    assert all(
        cut.hour == cut.minute == 0
        for cut in (bounds.tuning_start, bounds.holdout_start, bounds.end)
    )


def test_too_few_days_says_what_to_change() -> None:
    """A window with one day for training is refused with the keys to change."""
    end = datetime(2026, 1, 10, tzinfo=UTC)
    with pytest.raises(TerminalError, match=r"train\.lookback"):
        split_window(spec(4, 3, 0), Window.ending(end, 4 * DAY))
