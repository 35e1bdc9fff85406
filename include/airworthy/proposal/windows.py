"""Proposes the lengths of lookback, holdout and monitor windows that fit the rows a day. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from airworthy.monitoring.window_proposal import LEAST_ROWS, USUAL_SHARE, days_with_windows
from airworthy.proposal.row_days import RowDays

_YEAR = 365
_FEW_ROWS, _MANY_ROWS = 5_000, 1_000_000
_HOLDOUT_ROWS, _MIN_TRAIN_DAYS = 500, 3
_RECENT = timedelta(days=2)
_WINDOWS = (1, 7, 14, 28)


@dataclass(frozen=True)
class MonitorWindows:
    """The ``monitor`` block: days of the window and the reference, and the least rows."""

    window: int
    reference: int
    min_rows: int
    min_labels: int
    rows: int


@dataclass(frozen=True)
class Windows:
    """The days of a model in time.

    Attributes:
        start: The first day.
        end: The last day; None: the data go on.
        lookback: Days.
        holdout: Days.
        min_rows: The least training rows.
        train_rows: The expected training rows.
        holdout_rows: The expected rows of the holdout.
        schedule: The cron expression of the training; None: none.
        monitor: The monitor's windows.
    """

    start: date
    end: date | None
    lookback: int
    holdout: int
    min_rows: int
    train_rows: int
    holdout_rows: int
    schedule: str | None
    monitor: MonitorWindows


def fits_in_time(days: RowDays) -> bool:
    """Return whether there are enough days for a split by time."""
    return days.span >= _MIN_TRAIN_DAYS and days.days >= _MIN_TRAIN_DAYS


def propose_windows(days: RowDays, labelled: float, today: date) -> Windows:
    """Propose windows with which a run as of the data's end trains.

    Args:
        days: The days with rows.
        labelled: The share of rows with a label.
        today: The UTC day.
    """
    lookback = _lookback(days)
    monitor = monitor_windows(days.rows_a_day, labelled, lookback)
    holdout = _holdout(days, lookback, labelled, monitor.window)
    held = round(days.rows_a_day * holdout * labelled)
    trained = max(0, round(days.rows_a_day * lookback * labelled) - held)
    ended = days.last < today - max(_RECENT, timedelta(days=2 * days.step))
    return Windows(
        start=days.first,
        end=days.last if ended else None,
        lookback=lookback,
        holdout=holdout,
        min_rows=max(10, min(500, trained // 2)),
        train_rows=trained,
        holdout_rows=held,
        schedule=None if ended else _schedule(days.step),
        monitor=monitor,
    )


def monitor_windows(rows_a_day: float, labelled: float, lookback: int) -> MonitorWindows:
    """Propose the shortest window with enough rows to judge, of those that the lookback can hold.

    >>> monitor_windows(20.0, 1.0, 365).window, monitor_windows(2000.0, 1.0, 365).window
    (7, 1)

    Args:
        rows_a_day: The mean rows of a day.
        labelled: The share of rows with a label.
        lookback: The days of a training.
    """
    least = rows_a_day * labelled
    held = [each for each in _WINDOWS if _whole_windows(each, 1) * 3 <= lookback] or [1]
    window = next((each for each in held if least * each >= LEAST_ROWS), held[-1])
    rows = round(rows_a_day * window)
    return MonitorWindows(
        window=window,
        reference=28 if window == 1 else max(56, 4 * window),
        min_rows=max(10, min(20, round(rows * USUAL_SHARE))),
        min_labels=max(10, min(20, round(rows * labelled * USUAL_SHARE))),
        rows=rows,
    )


def _whole_windows(window: int, count: int) -> int:
    """Return the days that always hold so many whole windows, whatever day they begin on."""
    return days_with_windows(timedelta(days=window), count).days


def _lookback(days: RowDays) -> int:
    """Return a year, or more for few rows a day, and less for very many."""
    enough = round(_FEW_ROWS / days.rows_a_day)
    at_most = max(_MIN_TRAIN_DAYS, int(_MANY_ROWS / days.rows_a_day))
    return max(_MIN_TRAIN_DAYS, min(days.span, max(_YEAR, enough), at_most))


def _holdout(days: RowDays, lookback: int, labelled: float, window: int) -> int:
    """Return a part of the lookback with enough rows and a whole window of the monitor."""
    rows = max(days.rows_a_day * max(labelled, 0.01), 1e-9)
    wanted = int(max(min(-(-_HOLDOUT_ROWS // rows), lookback // 5), lookback // 20, days.step, 1))
    whole = _whole_windows(window, 1)
    if lookback - whole >= max(_whole_windows(window, 2), 2 * whole):
        wanted = max(wanted, whole)
    if days.step == 1 and wanted >= 5 and lookback >= 35:
        wanted = -(-wanted // 7) * 7
    return min(wanted, lookback - 2)


def _schedule(step: int) -> str:
    if step < 5:
        return "0 2 * * *"
    return "0 2 * * 1" if step < 20 else "0 2 2 * *"
