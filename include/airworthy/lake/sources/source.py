"""The protocol of all sources, and the further ones of sources that can tell a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl

from airworthy.errors import TerminalError

NOTHING = "nothing"
"""The fingerprint of a day for which the source has nothing."""


class MissingSourceError(TerminalError):
    """There is nothing at the source's address. On another machine it may be there."""


class Source(Protocol):
    """A source of a model's raw rows, one UTC day at a time."""

    def read(self, day: date) -> pl.DataFrame | None:
        """Return the unchanged raw rows of a UTC day; None when the source has none.

        Raises:
            TerminalError: when the source itself is wrong: another file, a bad checksum, a bad
                query.
            TransientError: when it cannot be reached.
        """
        ...

    def describe(self) -> str:
        """Describe the source in one line, without secrets."""
        ...


@runtime_checkable
class HasFingerprints(Protocol):
    """A source that tells the state of each day without reading its rows."""

    def fingerprints(self, days: Sequence[date]) -> dict[date, str]:
        """Return a fingerprint of each day; `NOTHING`: there are no rows.

        Raises:
            TransientError: when it cannot be reached.
        """
        ...


@runtime_checkable
class CountsRows(Protocol):
    """A source that counts the rows of several days at once."""

    def count(self, first: date, last: date, columns: Sequence[str]) -> list[int] | None:
        """Return the number of rows, then the number of values of each column.

        Args:
            first: The first UTC day.
            last: The last one.
            columns: The columns.

        Returns:
            The counts; None: this source cannot count.

        Raises:
            TransientError: when it cannot be reached.
        """
        ...


@runtime_checkable
class DatedSource(Protocol):
    """A source that can tell its days."""

    def days(self) -> tuple[date, date] | None:
        """Return the first and the last UTC day with rows; None: it cannot tell cheaply."""
        ...
