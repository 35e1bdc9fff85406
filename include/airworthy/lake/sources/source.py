"""The protocol of all sources."""

from __future__ import annotations

from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl


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
class DatedSource(Protocol):
    """A source that can tell its days."""

    def days(self) -> tuple[date, date] | None:
        """Return the first and the last UTC day with rows; None: it cannot tell cheaply."""
        ...
