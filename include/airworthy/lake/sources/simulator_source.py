"""The simulator source: generated rows, so that everything can be tried without data of one's own."""

from __future__ import annotations

from datetime import date

import polars as pl

from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec.fields import format_duration
from airworthy.spec.sources_part import SimulatorSource


class Simulator:
    """A seeded generator behind the `Source` protocol."""

    def __init__(self, source: SimulatorSource) -> None:
        """Keep what to generate."""
        self._source = source

    def read(self, day: date) -> pl.DataFrame:
        """Return the day's rows: the same ones for ever."""
        return generate_deliveries(self._source, day)

    def describe(self) -> str:
        """Return scenario, seed and size, and from when on the world is another."""
        source = self._source
        told = f"seed {source.seed}, {source.rows_per_day} rows a day"
        if source.drift_from is not None:
            back = (
                f" and back, every {format_duration(source.drift_every)}"
                if source.drift_every
                else ""
            )
            told += f", another world from {source.drift_from} on{back}"
        return f"simulator {source.scenario} ({told})"
