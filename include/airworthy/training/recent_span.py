"""The choice between all days before the holdout and shorter spans of the newest ones.

After a change of the world most rows speak of the old one. A booster of the newest days alone is
then better, and in other times worse. All are compared on the same tuning rows, which are newer than
the rows that they were fitted on. The holdout has no part in the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from airworthy.arrays import Array
from airworthy.days import DAY
from airworthy.spec.train_part import AUTO, Train

MIN_ROWS = 50
"""A span with fewer rows to fit on is not tried."""
_AUTO_PARTS = (2, 4)  # a half and a quarter of the days


@dataclass(frozen=True)
class RecentSpan:
    """The newest days before the holdout, with the number of their partitions to fit on.

    The tuning days are among the days, and not among the partitions.
    """

    days: int
    partitions: int


def recent_spans(
    train: Train, days: Sequence[date], pieces: Sequence[int], start: date, end: date
) -> list[RecentSpan]:
    """Return the spans to try beside all days, the longest first.

    Args:
        train: Declares them.
        days: The partitions to fit on, by time.
        pieces: Their row counts.
        start: The first day before the holdout.
        end: The holdout's first day.
    """
    everything = (end - start).days
    if train.recent == AUTO:
        lengths = [everything // part for part in _AUTO_PARTS]
    else:
        lengths = [length // DAY for length in train.recent]
    spans = []
    for length in sorted({each for each in lengths if 0 < each < everything}, reverse=True):
        partitions = sum(day >= end - timedelta(days=length) for day in days)
        if partitions and sum(pieces[len(pieces) - partitions :]) >= MIN_ROWS:
            spans.append(RecentSpan(length, partitions))
    return spans


def best_of(losses: Sequence[Array]) -> int:
    """Return the index of the best booster by its losses of the tuning rows.

    A shorter span wins only when it is better than all days by more than a standard error of the
    rows' differences: without a change more rows are better, and chance must not decide.

    Args:
        losses: Each booster's, shape (rows,); that of all days first.

    >>> best_of([np.array([1.0, 1.2, 0.9]), np.array([0.5, 0.6, 0.5])])
    1
    """
    best = min(range(len(losses)), key=lambda index: float(losses[index].mean()))
    gains = losses[0] - losses[best]
    error = float(gains.std()) / np.sqrt(len(gains))
    return best if float(gains.mean()) > error else 0
