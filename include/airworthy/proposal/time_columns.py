"""Finds the columns with times, and the one that is a row's own."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from airworthy.lake.casting import cast_column
from airworthy.lake.time_guesses import fitting_formats, guess_time_format
from airworthy.lake.times import TimeRules, read_times

_NEARLY_ALL = 0.98
_TIME_NAME = re.compile(
    r"(date|time|stamp|epoch|created|start|begin|pickup|picked|opened|ordered|month|week|day|"
    r"datum|zeit|monat|woche|fecha|hora|heure)|"
    r"(^|_)(ts|at|on|dt|when)$",
    re.IGNORECASE,
)
_FIRST_NAME = re.compile(
    r"(event|pickup|picked|start|begin|creat|order|open|bestell|erstell)", re.IGNORECASE
)
_LAST_NAME = re.compile(
    r"(drop|end|finish|clos|updat|modif|deliver|ship|due|expir|birth|paid|settl|ende|liefer|bezahl|geburt)",
    re.IGNORECASE,
)
_EPOCHS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
_FIRST_SECOND, _LAST_SECOND = 631_152_000, 2_524_608_000  # 1990 to 2050


def guess_format(column: pl.Series) -> str | None:
    """Return the format of a column of times: ``iso``, an epoch or strftime's; None: no times.

    Args:
        column: Cells without blanks. Whole numbers are times only under a time's name.
    """
    cells = column.drop_nulls()
    if cells.is_empty():
        return None
    if cells.dtype.is_integer():
        named = _TIME_NAME.search(column.name)
        return (
            (_guess_epoch(cells) or _guess_text(cells, column.name, compact=True))
            if named
            else None
        )
    if cells.dtype == pl.Date or isinstance(cells.dtype, pl.Datetime):
        return "iso"
    if cells.dtype != pl.String or not bool(cells.head(500).str.contains(r"\d").all()):
        return None
    if bool(cells.head(500).str.contains(r"^\d{1,2}\.\d{1,2}\.\d{4}$").all()):
        return _guess_text(cells, column.name)
    if bool(cells.head(500).str.contains(r"^[+-]?[\d.,]+([eE][+-]?\d+)?$").all()):
        whole = cells.cast(pl.Int64, strict=False)
        is_epoch = bool(_TIME_NAME.search(column.name)) and whole.null_count() == 0
        return _guess_epoch(whole) if is_epoch else _guess_text(cells, column.name, compact=True)
    return _guess_text(cells, column.name)


def as_times(column: pl.Series, form: str) -> pl.Series:
    """Return a column as times in UTC; null where a cell is no time. Naive times are UTC."""
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime) or form == "iso":
        return cast_column(column, "datetime")
    return read_times(column, TimeRules(form)).values


def event_time_of(candidates: Sequence[tuple[str, pl.Series]]) -> str | None:
    """Return the name of the column that is most likely a row's own time, or None.

    Args:
        candidates: Name and times in UTC of each column with times, in the source's order.
    """

    def rank(number: int) -> tuple[bool, bool, bool, int, int]:
        name, times = candidates[number]
        median = times.drop_nulls().median()
        return (
            bool(_LAST_NAME.search(name)),
            times.null_count() > 0.02 * len(times),
            not _FIRST_NAME.search(name),
            int(median.timestamp()) if hasattr(median, "timestamp") else 0,  # type: ignore[union-attr]
            number,
        )

    return candidates[min(range(len(candidates)), key=rank)][0] if candidates else None


def are_naive(column: pl.Series, form: str) -> bool:
    """Return whether a column's times have a time of day and no zone."""
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        return kind.time_zone is None
    if kind == pl.Date or form in _EPOCHS:
        return False
    cells = column.drop_nulls().cast(pl.String).head(1000)
    zoned = cells.str.contains(r"(?i)(z|utc|gmt|[+-]\d\d:?\d\d)\s*$").any() and "%" not in form
    timed = cells.str.contains(r"\d:\d\d").any()
    return bool(timed) and not zoned and "%z" not in form and "%:z" not in form


def _guess_epoch(whole: pl.Series) -> str | None:
    for name, factor in _EPOCHS.items():
        if bool(whole.is_between(_FIRST_SECOND * factor, _LAST_SECOND * factor).all()):
            return name
    return None


def _guess_text(cells: pl.Series, name: str, compact: bool = False) -> str | None:
    if not compact and cast_column(cells, "datetime").is_not_null().mean() >= _NEARLY_ALL:  # type: ignore[operator]
        return "iso"
    if compact and not _TIME_NAME.search(name):
        return None
    guess = guess_time_format(cells)
    return None if guess is None else guess.format


def several_formats(cells: pl.Series) -> list[str]:
    """Return the formats of a column of times when more than one fits; empty: one or none."""
    found = fitting_formats(cells)
    return found if len(found) > 1 else []
