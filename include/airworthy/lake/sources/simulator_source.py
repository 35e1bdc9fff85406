"""The simulator source: generated rows, to try everything without own data."""

from __future__ import annotations

from datetime import date

import polars as pl

from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec.fields import format_duration
from airworthy.spec.sources_part import SimulatorSource


class Simulator:
    """A seeded generator behind the `Source` protocol."""

    def __init__(self, source: SimulatorSource) -> None:
        """Keep the declared source."""
        self._source = source

    def read(self, day: date) -> pl.DataFrame:
        """Return the rows of a UTC day, always the same."""
        return generate_deliveries(self._source, day)

    def days(self) -> tuple[date, date] | None:
        """Return None: every day has rows."""
        return None

    def describe(self) -> str:
        """Describe scenario, seed, size and drift."""
        source = self._source
        text = f"seed {source.seed}, {source.rows_per_day} rows a day"
        if source.drift_from is not None:
            back = (
                f" and back, every {format_duration(source.drift_every)}"
                if source.drift_every
                else ""
            )
            text += f", another world from {source.drift_from} on{back}"
        return f"simulator {source.scenario} ({text})"
