"""Columns that the source has from a later day on: null before it, by declaration (`ingest.since`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from airworthy.errors import AirworthyError, TerminalError
from airworthy.spec.fields import ColumnType
from airworthy.spec.ingest_part import Ingest


class MissingColumnsError(TerminalError):
    """A day of the source lacks declared columns."""

    def __init__(self, names: Sequence[str], day: date, found: Sequence[str]) -> None:
        """Name the columns, the day and the columns that it has."""
        super().__init__(
            f"the source has no column {', '.join(map(repr, names))} on {day}",
            received=", ".join(name if name.isprintable() else repr(name) for name in found),
            allowed="each declared column",
            next_step="correct ingest.columns, or give the source's name for it in "
            "ingest.source.rename or derive",
        )
        self.names = list(names)
        self.day = day


def add_later_columns(
    raw: pl.DataFrame, columns: dict[str, ColumnType], ingest: Ingest, day: date
) -> pl.DataFrame:
    """Return the rows with a column of nulls for each that the source does not have yet.

    Args:
        raw: The rows of the source.
        columns: The declared columns with the event time.
        ingest: Declares the first days, in `since`.
        day: The UTC day of the rows.

    Raises:
        MissingColumnsError: when a column is missing on a day that should have it.
        TerminalError: when a column has values before its first day.
    """
    later = {name for name, first in ingest.since.items() if day < first}
    _refuse_early_values(raw, later, ingest, day)
    missing = [name for name in columns if name not in raw.columns]
    lost = [name for name in missing if name not in later]
    if lost:
        raise MissingColumnsError(lost, day, raw.columns)
    return raw.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)


def propose_since(
    error: AirworthyError, days: Sequence[date], columns_of: Callable[[date], Sequence[str]]
) -> None:
    """Write the line for the spec into the error of columns that appear on a later day.

    Args:
        error: The error of a day; another kind of error stays as it is.
        days: The later days of the window, in order.
        columns_of: Returns the source's columns of a day; none for a day without rows.
    """
    if not isinstance(error, MissingColumnsError):
        return
    found = {name: _first_day(name, days, columns_of) for name in error.names}
    lines = [f"{name}: {day}" for name, day in found.items() if day is not None]
    if not lines:
        return
    error.received = f"no {', '.join(error.names)} on {error.day}, but later"
    error.next_step = (
        f"if the source has it from that day on, write ingest.since: {{{', '.join(lines)}}}; it is "
        "null before"
    )


def _first_day(
    name: str, days: Sequence[date], columns_of: Callable[[date], Sequence[str]]
) -> date | None:
    """Return the first day with a column, by bisection; None: the last day lacks it, too."""
    if not days or name not in columns_of(days[-1]):
        return None
    first, last = 0, len(days) - 1
    while first < last:
        middle = (first + last) // 2
        if name in columns_of(days[middle]):
            last = middle
        else:
            first = middle + 1
    return days[last]


def _refuse_early_values(raw: pl.DataFrame, later: set[str], ingest: Ingest, day: date) -> None:
    for name in sorted(later & set(raw.columns)):
        values = raw[name].drop_nulls()
        filled = values.filter(values.cast(pl.String, strict=False).str.strip_chars() != "")
        if len(filled):
            raise TerminalError(
                f"column {name!r} has values on {day}, before its first day",
                received=f"{len(filled)} of {raw.height} rows, such as {filled[0]!r}; "
                f"ingest.since: {{{name}: {ingest.since[name]}}}",
                allowed="no value before the day in ingest.since",
                next_step=f"write the first day with values: ingest.since: {{{name}: {day}}}",
            )
