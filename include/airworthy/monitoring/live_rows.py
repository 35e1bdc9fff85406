"""Rows of production, by time: from the prediction log, or from the lake's partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import polars as pl

from airworthy.days import DAY, floor_day
from airworthy.features import POLARS_TYPES, polars_schema
from airworthy.handover import DatasetRef, LiveWindow, Window
from airworthy.job import Job
from airworthy.lake.conform import declared_columns
from airworthy.lake.lake import Lake, open_lake
from airworthy.monitoring.spans import Span
from airworthy.predictions.labelled_predictions import labelled_predictions
from airworthy.predictions.log_rows import INPUT_PREFIX, SHADOW, settled_name
from airworthy.predictions.log_tables import scan_predictions
from airworthy.spec import ModelSpec

ROWS_AT_ONCE = 1_000_000
_PREDICTED_AT = "time"


class Production(Protocol):
    """Rows by time. They have the columns of the spec's inputs."""

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows."""
        ...

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return those of a span's rows whose label is known, with the spec's label."""
        ...

    def content(self, span: Span) -> str | None:
        """Return what identifies a span's rows: the same text, the same rows; None when it has none."""
        ...


def frames(rows: pl.LazyFrame, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Return rows in pieces that memory holds, in their order."""
    yield from rows.select(columns).collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True)


def open_production(job: Job, live: LiveWindow) -> Production:
    """Return the rows that a live window is taken from, as they stood when it was found."""
    return LakeRows.at(job, live.version) if live.production == "lake" else PredictionRows(job)


class PredictionRows:
    """What the model server was asked and answered; a row's time is when it was answered."""

    def __init__(self, job: Job) -> None:
        """Keep where the log is."""
        self._job = job

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows, without those that could not be read and those of shadows."""
        rows = scan_predictions(self._job.environment, self._job.spec.model, span.start, span.end)
        return _answered(rows, self._job.spec)

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return the rows whose label was sent by id, or came with the model's data."""
        spec = self._job.spec
        rows = labelled_predictions(self._job.environment, spec, span.start, span.end)
        logged = pl.col("label_text" if spec.task == "multiclass" else "label")
        label = logged.cast(POLARS_TYPES[spec.ingest.columns[spec.ingest.label]])
        return _answered(rows, spec, label.alias(spec.ingest.label))

    def content(self, span: Span) -> str | None:
        """Return a digest of how many rows there are, and of the last id: rows are only ever added."""
        rows = scan_predictions(self._job.environment, self._job.spec.model, span.start, span.end)
        count, last = rows.select(pl.len(), pl.col("id").max()).collect().row(0)
        return digest_of(span.name, str(count), str(last)) if count else None

    def newest(self, span: Span) -> datetime | None:
        """Return the time of a span's newest row."""
        rows = scan_predictions(self._job.environment, self._job.spec.model, span.start, span.end)
        found: datetime | None = rows.select(pl.col(_PREDICTED_AT).max()).collect().item()
        return found


def _answered(rows: pl.LazyFrame, spec: ModelSpec, *more: pl.Expr) -> pl.LazyFrame:
    """Return the inputs under their own names; an input that no version had yet is missing in every row."""
    known = dict(rows.collect_schema())
    schema = polars_schema(spec.inputs)
    inputs = []
    for name, kind in spec.inputs.items():
        logged = settled_name(INPUT_PREFIX + name, kind, dict(known))
        value = pl.col(logged) if logged in known else pl.lit(None, schema[name])
        inputs.append(value.cast(schema[name]).alias(name))
    sent = (pl.col("arm") != SHADOW) & pl.col("unread_body").is_null()
    return rows.filter(sent).select(*inputs, *more)


class LakeRows:
    """The lake's partitions, or those of one dataset version; a row's time is its event time."""

    def __init__(
        self, spec: ModelSpec, lake: Lake, version: int, partitions: dict[str, str]
    ) -> None:
        """Name the table's version and its partitions' digests."""
        self.version = version
        self._spec, self._lake, self._partitions = spec, lake, partitions

    @classmethod
    def at(cls, job: Job, version: int | None = None) -> LakeRows:
        """Return the rows of every partition, as the lake stands now or stood at a version."""
        lake = open_lake(job.environment, job.spec.model)
        records = lake.refresh()
        pinned = records.version if version is None else version
        digests = {
            day: record.digest if record.version <= pinned else f"as of version {pinned}"
            for day, record in records.partitions.items()
            if record.rows
        }
        return cls(job.spec, lake, pinned, digests)

    @property
    def until(self) -> datetime | None:
        """The end of the last partition; None when there is none."""
        last = max(self._partitions, default=None)
        return None if last is None else datetime.fromisoformat(last).replace(tzinfo=UTC) + DAY

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows."""
        days = self._days(span)
        if not days:
            return pl.LazyFrame(schema=polars_schema(declared_columns(self._spec.ingest)))
        whole = Window(
            start=floor_day(span.start), end=floor_day(span.end + DAY - timedelta(microseconds=1))
        )
        pinned = DatasetRef(
            model=self._spec.model,
            table=self._lake.data_uri,
            version=self.version,
            window=whole,
            partitions=days,
            rows=0,
            quarantined=0,
            digest="",
        )
        return self._lake.scan(pinned, span.start, span.end)

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return the rows whose label is known by now."""
        return self.scan(span).filter(pl.col(self._spec.ingest.label).is_not_null())

    def content(self, span: Span) -> str | None:
        """Return a digest of the digests of the span's partitions."""
        days = self._days(span)
        return (
            digest_of(span.name, *(f"{day} {content}" for day, content in sorted(days.items())))
            if days
            else None
        )

    def newest(self, span: Span) -> datetime | None:
        """Return the time of a span's newest row."""
        found: datetime | None = (
            self.scan(span).select(pl.col(self._spec.ingest.event_time).max()).collect().item()
        )
        return found

    def quarantined(self, span: Span) -> int:
        """Return how many rows of the span's days could not be used."""
        records = self._lake.refresh().partitions
        return sum(records[day].quarantined for day in self._days(span) if day in records)

    def _days(self, span: Span) -> dict[str, str]:
        first = floor_day(span.start)
        days = [
            f"{first + number * DAY:%Y-%m-%d}" for number in range(-((first - span.end) // DAY))
        ]
        return {day: self._partitions[day] for day in days if day in self._partitions}


def digest_of(*parts: str) -> str:
    """Return one SHA-256 of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
