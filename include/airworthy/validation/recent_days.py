"""Default expectations of a day, from the figures of the days before it. Pure.

A day has too few rows when it has under a quarter of what is usual for its weekday, and under half
of the lowest share that a recent day had of its own usual number. A column has too many nulls when
their share is a quarter of the rows above the highest share of a recent day. Recent days are the
days of the dataset with rows in the eight weeks before; a day that broke an expectation is none.

Nothing is judged with fewer than seven recent days, or on under fifty rows. So a first day, a
weekend, weekly data and small data break no expectation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from airworthy.spec.validate_part import DefaultExpectation, Expectation

MIN_DAYS = 7
_RECENT = timedelta(weeks=8)
_MIN_ROWS = 50
_SAME_WEEKDAYS = 3  # for a median of their own
_LOW_SHARE = 0.25
_BELOW_LOWEST = 0.5
_MORE_NULLS = 0.25


@dataclass(frozen=True)
class DayFigures:
    """The rows of a day, and the nulls of each column."""

    rows: int
    nulls: Mapping[str, int]


@dataclass(frozen=True)
class DayExpectation:
    """A default expectation of one day.

    Attributes:
        rule: The rule behind it.
        expectation: For Great Expectations, with values from the recent days.
        usual: The figure of the recent days, in words.
    """

    rule: DefaultExpectation
    expectation: Expectation
    usual: str


def day_expectations(
    days: Mapping[date, DayFigures],
    row_count: bool,
    columns: Sequence[str],
    since: Mapping[str, date] | None = None,
) -> dict[date, list[DayExpectation]]:
    """Return the default expectations of each day; none of a day that cannot be judged.

    Args:
        days: The figures of each day with rows.
        row_count: Whether the number of rows has a default expectation.
        columns: The columns whose nulls have one.
        since: Column -> its first day: the days before it are null by declaration.
    """
    expectations: dict[date, list[DayExpectation]] = {day: [] for day in days}
    if row_count:
        rows = {day: figures.rows for day, figures in sorted(days.items())}
        for day, limit in row_limits(rows).items():
            expectations[day].append(_row_expectation(limit))
    for column in columns:
        first = (since or {}).get(column, date.min)
        with_column = {day: figures for day, figures in days.items() if day >= first}
        for day, highest in _highest_shares(with_column, column).items():
            expectations[day].append(_null_expectation(column, highest))
    return expectations


@dataclass(frozen=True)
class RowLimit:
    """The least number of rows of a day, and the usual number."""

    least: int
    usual: float


def row_limits(rows: Mapping[date, int]) -> dict[date, RowLimit]:
    """Return the limit of each day that can be judged.

    Args:
        rows: The rows of each day, by time.
    """
    limits: dict[date, RowLimit] = {}
    kept: dict[date, int] = {}
    shares: dict[date, float] = {}
    for day, count in rows.items():
        recent = {each: rows for each, rows in kept.items() if day - each <= _RECENT}
        usual = _usual_rows(recent, day)
        if usual is not None:
            lowest = min((shares[each] for each in recent if each in shares), default=1.0)
            share = min(_LOW_SHARE, _BELOW_LOWEST * lowest)
            limits[day] = RowLimit(math.ceil(share * usual), usual)
            if count < limits[day].least:
                continue
            shares[day] = count / usual
        kept[day] = count
    return limits


def _usual_rows(recent: Mapping[date, int], day: date) -> float | None:
    """Return the usual rows of a day's weekday; None when too little is known."""
    same = [count for each, count in recent.items() if each.weekday() == day.weekday()]
    if len(recent) < MIN_DAYS or not same:
        return None
    usual = median(same)
    if len(same) < _SAME_WEEKDAYS:
        usual = min(*same, median(recent.values()))
    return usual if usual >= _MIN_ROWS else None


def _highest_shares(days: Mapping[date, DayFigures], column: str) -> dict[date, float]:
    """Return the highest share of nulls on the recent days, of each day that can be judged."""
    highest: dict[date, float] = {}
    kept: dict[date, float] = {}
    for day, figures in sorted(days.items()):
        if not figures.rows:
            continue
        share = figures.nulls.get(column, 0) / figures.rows
        recent = [each for before, each in kept.items() if day - before <= _RECENT]
        if len(recent) >= MIN_DAYS and figures.rows >= _MIN_ROWS:
            limit = max(recent) + _MORE_NULLS
            if limit < 1.0:
                highest[day] = max(recent)
                if share > limit:
                    continue
        kept[day] = share
    return highest


def _row_expectation(limit: RowLimit) -> DayExpectation:
    expectation = Expectation.model_validate(
        {"type": "expect_table_row_count_to_be_between", "min_value": limit.least}
    )
    words = f"at least {limit.least} expected, {limit.usual:g} are usual for its weekday"
    return DayExpectation("row_count", expectation, words)


def _null_expectation(column: str, highest: float) -> DayExpectation:
    limit = highest + _MORE_NULLS
    expectation = Expectation.model_validate(
        {
            "type": "expect_column_values_to_not_be_null",
            "column": column,
            "mostly": round(1.0 - limit, 6),
        }
    )
    words = f"at most {limit:.1%} expected, recent days have had {highest:.1%} at most"
    return DayExpectation("nulls", expectation, words)
