"""What every source can do."""

from __future__ import annotations

from datetime import date
from typing import Protocol

import polars as pl


class Source(Protocol):
    """Where a model's raw rows come from, one UTC day at a time."""

    def read(self, day: date) -> pl.DataFrame | None:
        """Return the raw rows of a UTC day as the source has them; None when it has nothing for that day.

        Raises:
            TerminalError: when the source itself is wrong: another file, a bad checksum, a bad query.
            TransientError: when it cannot be reached this time.
        """
        ...

    def describe(self) -> str:
        """Return what the source is, in one line and without secrets."""
        ...
