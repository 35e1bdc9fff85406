"""Refuses rows in a monthly or yearly file that are of another month or year. Pure.

Such a row would never be read: its day is looked for in the file of its own month.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import date

from airworthy.errors import TerminalError
from airworthy.lake.sources.addresses import insert_date


def refuse_other_periods(days: Iterable[str], path: str, address: str) -> None:
    """Raise an error for a day that is looked for at another address.

    Args:
        days: The UTC days of the rows, ``2026-01-31``.
        path: The path with its date placeholders, if any.
        address: The address of the files.

    Raises:
        TerminalError: when there is such a day.
    """
    if insert_date(path, date.min) == path:
        return
    strays = sorted(day for day in days if not _is_of(day, path, address))
    if not strays:
        return
    raise TerminalError(
        f"{address} has rows of days that are looked for in other files",
        received=f"{len(strays)} day(s), {strays[0]} to {strays[-1]} (UTC)",
        allowed="days of the file's own month or year",
        next_step="write * instead of the date's placeholders in ingest.source.path: the event "
        "time then says the day of each row; or correct the file",
    )


def _is_of(day: str, path: str, address: str) -> bool:
    with suppress(ValueError):  # Python has no years of five digits.
        return insert_date(path, date.fromisoformat(day)) == address
    return False
