"""Notices that a source has changed a day that was read, without reading it again.

Files have a fingerprint for each day. A database counts: one query counts the rows and the values
of all days of a window. Only when the sum is another one than that of the days as they were read,
halves of the window are counted, until the changed days are found.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

import polars as pl

from airworthy.days import DAY, days_between, midnight
from airworthy.errors import TerminalError
from airworthy.lake.sources.source import NOTHING, CountsRows, HasFingerprints, Source

log = logging.getLogger("airworthy.ingest")

MAX_COUNTS = 64
"""Maximum number of queries of a run. Changed days that are not found yet are found by later runs."""
ROWS = "*"


class Fingerprints(Protocol):
    """The fingerprints of a source's days."""

    def take(self, days: Sequence[date]) -> None:
        """Note the state of days before they are read."""
        ...

    def of(self, day: date, raw: pl.DataFrame) -> str:
        """Return the fingerprint of a day as it was read; empty: there is none."""
        ...

    def changed(self, known: Mapping[date, str], rows: Mapping[date, int]) -> dict[date, str]:
        """Return the days with another fingerprint than the known one, with the new one.

        Args:
            known: The fingerprint of each day as it was read; empty: by an earlier version.
            rows: The number of rows of each day as it was read.

        Raises:
            TerminalError: when the source leaves out rows at the bounds of days.
            TransientError: when it cannot be reached.
        """
        ...


def open_fingerprints(source: Source) -> Fingerprints:
    """Return the fingerprints of a source."""
    if isinstance(source, HasFingerprints):
        return FileFingerprints(source)
    if isinstance(source, CountsRows):
        return RowCounts(source)
    return NoFingerprints()


class NoFingerprints:
    """The fingerprints of a source that cannot change, such as the simulator."""

    def take(self, days: Sequence[date]) -> None:
        """Do nothing."""

    def of(self, day: date, raw: pl.DataFrame) -> str:  # noqa: ARG002 - the protocol's
        """Return nothing."""
        return ""

    def changed(self, known: Mapping[date, str], rows: Mapping[date, int]) -> dict[date, str]:  # noqa: ARG002 - the protocol's
        """Return no day."""
        return {}


class FileFingerprints:
    """The fingerprints of files, as they were when a day was read."""

    def __init__(self, source: HasFingerprints) -> None:
        """Keep the source."""
        self._source = source
        self._taken: dict[date, str] = {}

    def take(self, days: Sequence[date]) -> None:
        """Note the state of days before they are read."""
        self._taken |= self._source.fingerprints(days)

    def of(self, day: date, raw: pl.DataFrame) -> str:  # noqa: ARG002 - the protocol's
        """Return the fingerprint from before the reading."""
        return self._taken.get(day, "")

    def changed(self, known: Mapping[date, str], rows: Mapping[date, int]) -> dict[date, str]:  # noqa: ARG002 - the protocol's
        """Return the days whose files are others than when they were read."""
        now = self._source.fingerprints(list(known))
        return {day: now[day] for day, before in known.items() if now[day] != before}


def _parse(text: str, rows: int) -> dict[str, int]:
    """Return the numbers of a day by column."""
    if not text:
        return {ROWS: rows}
    counts: dict[str, int] = json.loads(text) if text != NOTHING else {ROWS: 0}
    return counts


class RowCounts:
    """The numbers of rows and values of a database's days, found with few queries."""

    def __init__(self, source: CountsRows) -> None:
        """Keep the source."""
        self._source, self._left = source, MAX_COUNTS
        self._columns: list[str] = []
        self._known: dict[date, list[int]] = {}

    def take(self, days: Sequence[date]) -> None:
        """Do nothing: the rows that were read are counted."""

    def of(self, day: date, raw: pl.DataFrame) -> str:  # noqa: ARG002 - the protocol's
        """Return the numbers of rows and of each column's values, as JSON."""
        counts = {column.name: column.len() - column.null_count() for column in raw.iter_columns()}
        return json.dumps({ROWS: raw.height, **counts})

    def changed(self, known: Mapping[date, str], rows: Mapping[date, int]) -> dict[date, str]:
        """Return the days with other numbers than when they were read."""
        parsed = {day: _parse(text, rows.get(day, 0)) for day, text in known.items()}
        with_rows = [set(counts) for counts in parsed.values() if counts[ROWS]]
        if not with_rows:
            return {}
        # Of days that an earlier version read, the rows alone are known.
        self._columns = sorted(set.intersection(*with_rows) - {ROWS})
        every = (ROWS, *self._columns)
        days = days_between(midnight(min(known)), midnight(max(known)) + DAY)
        self._known = {day: [parsed.get(day, {}).get(name, 0) for name in every] for day in days}
        self._left = MAX_COUNTS
        found = self._search(days)
        return {day: self._text(counts) for day, counts in found.items() if day in known}

    def _text(self, counts: list[int]) -> str:
        if not counts[0]:
            return NOTHING
        return json.dumps(dict(zip((ROWS, *self._columns), counts, strict=True)))

    def _search(self, days: list[date]) -> dict[date, list[int]]:
        """Return the changed days among these, with their counts."""
        if self._left <= 0:
            return {}
        self._left -= 1
        now = self._source.count(days[0], days[-1], self._columns)
        if now is None:
            self._left = 0
            return {}
        expected = [sum(counts) for counts in zip(*map(self._known.__getitem__, days), strict=True)]
        if now == expected:
            return {}
        if len(days) == 1:
            return {days[0]: now}
        middle = len(days) // 2
        found = self._search(days[:middle]) | self._search(days[middle:])
        if not found and self._left > 0:
            self._explain(days, now[0] - expected[0], middle)
        return found

    def _explain(self, days: list[date], surplus: int, middle: int) -> None:
        """Tell why two ranges of days have other rows together than each alone.

        Raises:
            TerminalError: when there are more: no day has the rows at its first moment.
        """
        self._left = 0
        if surplus <= 0:
            log.info(
                "the query counts several days otherwise than each alone: no change is looked for"
            )
            return
        raise TerminalError(
            f"{surplus:,} row(s) at {days[middle]} 00:00:00 UTC are lost: the query gives them for "
            "neither the day before nor this day",
            received=f"{days[0]} to {days[-1]}: {surplus:,} more than the days have alone",
            allowed="a query that gives each row for exactly one day",
            next_step="compare the event time with >= :start and < :end; with > :start the rows at "
            "a day's first moment are missing",
        )
