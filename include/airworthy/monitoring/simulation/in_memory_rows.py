"""Days of a source in memory, as live rows. Some of the days may be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from airworthy.days import DAY, midnight
from airworthy.features import polars_schema
from airworthy.lake.conform import conform, declared_columns
from airworthy.lake.sources import Source
from airworthy.monitoring.spans import Span
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class InMemoryRows:
    """Rows by day, as `LiveRows`.

    Attributes:
        spec: The model's spec.
        rows: Day -> its rows.
        names: Day -> a name that identifies its rows.
    """

    spec: ModelSpec
    rows: Mapping[date, pl.DataFrame]
    names: Mapping[date, str]

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows."""
        event_time = pl.col(self.spec.ingest.event_time)
        frames = [self.rows[day] for day in self._days_of(span)]
        schema = polars_schema(declared_columns(self.spec.ingest))
        rows = pl.concat(frames).lazy() if frames else pl.LazyFrame(schema=schema)
        return rows.filter(event_time >= span.start, event_time < span.end)

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows with a label."""
        return self.scan(span).filter(pl.col(self.spec.ingest.label).is_not_null())

    def content_key(self, span: Span) -> str | None:
        """Return the names of the span's days."""
        return "-".join(self.names[day] for day in self._days_of(span)) or None

    def with_changes(self, rows: Mapping[date, pl.DataFrame], name: str) -> InMemoryRows:
        """Return the same days, with other rows for some of them.

        Args:
            rows: Day -> its new rows.
            name: A name of the change.
        """
        names = {day: f"{name} {self.names[day]}" for day in rows}
        return InMemoryRows(self.spec, {**self.rows, **rows}, {**self.names, **names})

    def frames(self, start: datetime, end: datetime) -> Iterator[pl.DataFrame]:
        """Yield the rows of each day of ``[start, end)``, UTC midnights."""
        for day in self._days_of(Span(start, end)):
            yield self.rows[day]

    def _days_of(self, span: Span) -> list[date]:
        return [
            day
            for day in sorted(self.rows)
            if span.start < midnight(day) + DAY and midnight(day) < span.end
        ]


def read_days(spec: ModelSpec, source: Source, first: date, count: int, name: str) -> InMemoryRows:
    """Read days of a source, as the ingest stage does. Days without rows are left out.

    Args:
        spec: The model's spec.
        source: The source.
        first: The first day.
        count: The number of days.
        name: A name of the source, unlike that of any other source.
    """
    rows = {}
    for day in (first + number * DAY for number in range(count)):
        raw = source.read(day)
        if raw is not None and not raw.is_empty():
            rows[day] = conform(raw, spec.ingest, day).rows
    return InMemoryRows(spec, rows, {day: f"{name} {day}" for day in rows})
