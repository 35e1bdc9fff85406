"""Chooses the event time of a table, and counts its days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.proposal import EventTime
from airworthy.proposal.proposal_error import ProposalError
from airworthy.proposal.row_days import RowDays, row_days
from airworthy.proposal.row_table import RowTable
from airworthy.proposal.time_columns import are_naive, event_time_of
from airworthy.proposal.windows import fits_in_time

_MAX_NULLS = 0.05


def find_event_time(
    table: RowTable,
    raw: pl.DataFrame,
    columns: Sequence[ColumnProfile],
    wish: str | None,
    today: date,
) -> tuple[EventTime | None, list[str]]:
    """Return the event time and notes about it; None: the data are static.

    Args:
        table: All rows.
        raw: The sample as read.
        columns: The columns without the label.
        wish: The column that the user named; None: it is guessed.
        today: The UTC day.

    Raises:
        ProposalError: when the named column has no times.
    """
    column = _named(columns, wish) if wish is not None else _guessed(columns)
    if column is None:
        return None, [
            "no column has times: the model is static, is divided by a hash of the rows, and no "
            "drift can be seen"
        ]
    assert column.time_format is not None
    days = row_days(table, column.source, column.time_format, column.null_words)
    if days is None or not fits_in_time(days):
        if wish is not None:
            raise _too_few_days(column, days)
        count = 0 if days is None else days.days
        return None, [
            f"the rows of {column.source} are of {count} days, too few to divide by time: the "
            "model is static, and no drift can be seen"
        ]
    naive = are_naive(raw[column.source], column.time_format)
    hours = column.present.dt.hour().n_unique() > 1
    return EventTime(column, days, naive, hours), list(_notes(days, naive, today))


def _notes(days: RowDays, naive: bool, today: date) -> list[str]:
    notes = []
    if days.outside:
        notes.append(
            f"{days.outside:,} rows have no time that can be read, or one far from "
            f"{days.first} to {days.last}"
        )
    if naive:
        notes.append("the times have no zone and are read as UTC: ingest.time_zone names theirs")
    if days.last > today:
        notes.append(f"the last rows are of {days.last}, which is in the future")
    return notes


def _guessed(columns: Sequence[ColumnProfile]) -> ColumnProfile | None:
    times = [
        each
        for each in columns
        if each.kind == "datetime" and each.null_share <= _MAX_NULLS and each.distinct > 1
    ]
    name = event_time_of([(each.source, each.values) for each in times])
    chosen = next((each for each in times if each.source == name), None)
    return chosen and next((each for each in times if _is_finer(each, chosen)), chosen)


def _is_finer(column: ColumnProfile, other: ColumnProfile) -> bool:
    """Return whether a column has times of day on the very dates of the other one, which has none."""
    both = column.values.is_not_null() & other.values.is_not_null()
    mine, others = column.values.filter(both), other.values.filter(both)
    dates = others.dt.truncate("1d")
    return bool((others == dates).all() and (mine.dt.truncate("1d") == dates).all()) and bool(
        (mine != dates).any()
    )


def _named(columns: Sequence[ColumnProfile], wish: str) -> ColumnProfile:
    found = next((each for each in columns if wish in (each.source, each.name)), None)
    times = [each.source for each in columns if each.kind == "datetime"]
    if found is None or found.kind != "datetime":
        example = (
            "" if found is None or found.present.is_empty() else f", such as {found.present[0]!r}"
        )
        raise ProposalError(
            "this is no column of times" if found else "the source has no such column",
            received=f"--event-time {wish}{example}",
            allowed=", ".join(times) or "no column has times that can be told",
            next_step="say --time-format, such as %d.%m.%Y, if the form of the times is not clear"
            if found
            else "say one of these columns",
        )
    return found


def _too_few_days(column: ColumnProfile, days: RowDays | None) -> ProposalError:
    received = "no day" if days is None else f"{days.days} days, {days.first} to {days.last}"
    return ProposalError(
        "the rows are of too few days to divide by time",
        received=f"{column.source}: {received}",
        allowed="at least 3 days with rows",
        next_step="give more days, or leave out --event-time: the model is static then",
    )
