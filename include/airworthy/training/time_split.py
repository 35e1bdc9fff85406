"""The cuts of a dataset in time: the holdout comes after the fitted days.

Rows with a time are never divided at random. Static rows have a place within their day instead of
a time, so cuts of this day divide them at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.handover import Window
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class Boundaries:
    """The cuts of a window: UTC midnights, or moments of the only day of static rows.

    The booster is fitted on ``[start, tuning_start)``. ``[tuning_start, holdout_start)`` stops its
    rounds early and steers the search. ``[holdout_start, end)`` is the holdout.
    """

    start: datetime
    tuning_start: datetime
    holdout_start: datetime
    end: datetime


def split_window(spec: ModelSpec, window: Window) -> Boundaries:
    """Cut a window at UTC midnights, and that of static rows by their shares.

    Only rows with a label known at the window's end may be used: the holdout ends `label_delay`,
    rounded up to whole days, before it.

    Raises:
        TerminalError: when fewer than two days remain before the holdout.
    """
    if spec.ingest.static:
        return _split_static(spec, window)
    hidden = -(-spec.ingest.label_delay // DAY)
    end = window.end - hidden * DAY
    holdout_start = end - spec.train.holdout
    days = (holdout_start - window.start) // DAY
    if days < 2:
        raise TerminalError(
            "too few days are left to learn from",
            model=spec.model,
            stage="train",
            received=f"{days} of {window}, less {spec.train.holdout.days} d of holdout "
            f"and {hidden} d of label delay",
            allowed="at least 2 days",
            next_step="raise train.lookback, or lower train.holdout",
        )
    tuning_days = max(1, round(days * spec.train.validation_share))
    return Boundaries(window.start, holdout_start - tuning_days * DAY, holdout_start, end)


def _split_static(spec: ModelSpec, window: Window) -> Boundaries:
    share = spec.train.holdout_share or spec.train.holdout / spec.train.lookback
    length = window.end - window.start
    holdout_start = window.end - share * length
    tuning = (holdout_start - window.start) * spec.train.validation_share
    return Boundaries(window.start, holdout_start - tuning, holdout_start, window.end)
