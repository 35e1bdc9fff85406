"""Windows that the monitor can judge, for a number of rows a day. Pure.

A monitor is blind when its windows usually hold fewer rows or labels than its minimums, or when the
champion's own data hold too few whole windows to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, median

from airworthy.days import DAY
from airworthy.spec.fields import format_duration
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.monitor_part import WEEK, Monitor

WINDOWS = (DAY, WEEK, 2 * WEEK, 4 * WEEK)
"""The lengths of windows that are proposed, the shortest first."""

LEAST_ROWS = 40  # with fewer, most changes are within chance
USUAL_SHARE = 0.6  # of the usual rows: a quiet day or a holiday is still judged
_LEAST_MINIMUM = 10
_REFERENCE_WINDOWS = 4


@dataclass(frozen=True)
class WindowProposal:
    """A window that the monitor can judge, with its minimums.

    Attributes:
        window: The length of a window.
        min_rows: For ``monitor.min_rows``.
        min_labels: For ``monitor.retrain.min_labels``.
        reference: For ``monitor.reference``.
        rows: The expected rows of a window.
    """

    window: timedelta
    min_rows: int
    min_labels: int
    reference: timedelta
    rows: float

    @property
    def min_holdout(self) -> timedelta:
        """The shortest holdout that always has a whole window."""
        return days_with_windows(self.window, 1)

    @property
    def min_training(self) -> timedelta:
        """The shortest time before the holdout that always has two whole windows."""
        return days_with_windows(self.window, 2)

    @property
    def lines(self) -> list[str]:
        """The lines of the ``monitor`` part, for a spec.

        >>> propose_window(20).lines[:2]
        ['monitor:', '  window: 7d']
        """
        return [
            "monitor:",
            f"  window: {format_duration(self.window)}",
            f"  min_rows: {self.min_rows}",
            f"  reference: {format_duration(self.reference)}",
            f"  retrain: {{min_labels: {self.min_labels}}}",
        ]


@dataclass(frozen=True)
class Blindness:
    """One reason why signals of a monitor are always inconclusive: the key at fault, and words."""

    key: str
    words: str


def propose_window(rows_a_day: float, labels_a_day: float | None = None) -> WindowProposal:
    """Return the shortest window with enough rows to judge.

    Args:
        rows_a_day: The source's mean rows a day, days without rows included.
        labels_a_day: The mean number of rows with a label; None: every row has one.

    Returns:
        The longest window when not even that has enough rows.
    """
    labels_a_day = rows_a_day if labels_a_day is None else labels_a_day
    least = min(rows_a_day, labels_a_day)
    fitting = (window for window in WINDOWS if least * (window / DAY) >= LEAST_ROWS)
    window = next(fitting, WINDOWS[-1])
    rows, labels = rows_a_day * (window / DAY), labels_a_day * (window / DAY)
    default = Monitor()
    return WindowProposal(
        window=window,
        min_rows=_minimum(rows, default.min_rows),
        min_labels=_minimum(labels, default.retrain.min_labels),
        reference=4 * WEEK if window <= DAY else max(8 * WEEK, _REFERENCE_WINDOWS * window),
        rows=rows,
    )


def find_blindness(
    spec: ModelSpec, rows_of_days: Sequence[int], labelled: float = 1.0
) -> Iterator[Blindness]:
    """Yield the reasons why a spec's monitor is blind on a source.

    Args:
        spec: The model's spec.
        rows_of_days: The rows of some days, days without rows included.
        labelled: The share of the rows with a label.
    """
    monitor = spec.monitor
    rows, window = usual_rows(rows_of_days, monitor.window), format_duration(monitor.window)
    if rows < monitor.min_rows:
        words = f"a window of {window} has about {rows:,.0f} rows, {monitor.min_rows} are needed"
        yield Blindness("monitor.min_rows", words)
    labels, needed = rows * labelled, monitor.retrain.min_labels
    if labels < needed:
        words = f"a window of {window} has about {labels:,.0f} labels, {needed} are needed"
        yield Blindness("monitor.retrain.min_labels", words)
    yield from _short_data(spec)
    if monitor.production == "lake" and monitor.window < DAY:
        words = f"rows come by the day, so only the last window of {window} of each day is judged"
        yield Blindness("monitor.window", words)


def usual_rows(rows_of_days: Sequence[int], window: timedelta) -> float:
    """Return the usual rows of a window.

    A window of up to a day has the median of the days with rows. Weeks have the mean of all days.

    >>> usual_rows([48, 0, 48, 40], DAY)
    48.0
    """
    if not any(rows_of_days):
        return 0.0
    if window <= DAY:
        return median(rows for rows in rows_of_days if rows) * (window / DAY)
    return fmean(rows_of_days) * (window / DAY)


def days_with_windows(window: timedelta, count: int) -> timedelta:
    """Return the shortest time that always has so many whole windows, whatever day it begins on.

    >>> days_with_windows(WEEK, 1).days
    13
    """
    return count * max(window, DAY) + max(window - DAY, timedelta(0))


def _short_data(spec: ModelSpec) -> Iterator[Blindness]:
    """Find a holdout or a training time without whole windows: errors are then never judged."""
    window, train = spec.monitor.window, spec.train
    named = format_duration(window)
    least = days_with_windows(window, 1)
    if train.holdout < least:
        words = f"a holdout of {format_duration(train.holdout)} has not always a whole {named}"
        yield Blindness("train.holdout", f"{words}: give it {format_duration(least)}")
    least = days_with_windows(window, 2) + train.holdout
    if train.lookback < least:
        words = f"{format_duration(train.lookback)} have not always two windows of {named} before"
        yield Blindness("train.lookback", f"{words} the holdout: give it {format_duration(least)}")


def _minimum(usual: float, most: int) -> int:
    """Return a round minimum below the usual number."""
    number = int(min(usual * USUAL_SHARE, most))
    step = 100 if number >= 1000 else 10
    return max(number // step * step, _LEAST_MINIMUM)
