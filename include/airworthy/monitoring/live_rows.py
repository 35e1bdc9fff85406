"""Live rows by time, from the prediction log or from the lake's partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import polars as pl

from airworthy.days import DAY, days_between, floor_day
from airworthy.features import POLARS_TYPES, polars_schema
from airworthy.handover import DatasetRef, LiveWindow, Window
from airworthy.job import Job
from airworthy.lake.conform import declared_columns
from airworthy.lake.lake import Lake, open_lake
from airworthy.monitoring.spans import Span
from airworthy.predictions.labelled_predictions import labelled_predictions
from airworthy.predictions.log_rows import INPUT_PREFIX, SHADOW, typed_column_name
from airworthy.predictions.log_tables import scan_predictions
from airworthy.spec import ModelSpec

BATCH_ROWS = 1_000_000
_PREDICTED_AT = "time"
_RESOLUTION = timedelta(microseconds=1)


class LiveRows(Protocol):
    """Rows by time, with the columns of the spec's inputs."""

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows."""
        ...

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return a span's labelled rows, with the spec's label."""
        ...

    def content_key(self, span: Span) -> str | None:
        """Return a key of a span's rows: the same key, the same rows. None without rows."""
        ...


def read_batches(rows: pl.LazyFrame, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield rows in order, in batches of at most `BATCH_ROWS` or so."""
    yield from rows.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)


def open_live_rows(job: Job, live: LiveWindow) -> LiveRows:
    """Return the rows of a live window's source, pinned to the window's version of the lake."""
    return LakeRows.at(job, live.version) if live.production == "lake" else LoggedRows(job)


class LoggedRows:
    """Rows of the prediction log. A row's time is the time of its answer."""

    def __init__(self, job: Job) -> None:
        """Use the log of the job's model."""
        self._job = job

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows, without unreadable requests and without shadow answers."""
        return _answered(self._scan(span), self._job.spec)

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return the rows with a label, sent by id or joined from the model's data."""
        spec = self._job.spec
        rows = labelled_predictions(self._job.environment, spec, span.start, span.end)
        logged = pl.col("label_text" if spec.task == "multiclass" else "label")
        label = logged.cast(POLARS_TYPES[spec.ingest.columns[spec.ingest.label]])
        return _answered(rows, spec, label.alias(spec.ingest.label))

    def content_key(self, span: Span) -> str | None:
        """Return a digest of the number of rows and of the last id: rows are only ever added."""
        columns = (pl.len(), pl.col("id").max())
        count, last_id = self._scan(span).select(*columns).collect().row(0)
        return digest_of(span.name, str(count), str(last_id)) if count else None

    def newest(self, span: Span) -> datetime | None:
        """Return the time of a span's newest row, in UTC; None without rows."""
        newest = pl.col(_PREDICTED_AT).max()
        time: datetime | None = self._scan(span).select(newest).collect().item()
        return time

    def _scan(self, span: Span) -> pl.LazyFrame:
        return scan_predictions(self._job.environment, self._job.spec.model, span.start, span.end)


def _answered(rows: pl.LazyFrame, spec: ModelSpec, *more: pl.Expr) -> pl.LazyFrame:
    """Return the answered rows with the spec's inputs under their own names.

    An input without a column in the log is missing in every row.
    """
    log_schema = dict(rows.collect_schema())
    schema = polars_schema(spec.inputs)
    inputs = []
    for name, input_type in spec.inputs.items():
        logged = typed_column_name(INPUT_PREFIX + name, input_type, dict(log_schema))
        value = pl.col(logged) if logged in log_schema else pl.lit(None, schema[name])
        inputs.append(value.cast(schema[name]).alias(name))
    answered = (pl.col("arm") != SHADOW) & pl.col("unread_body").is_null()
    return rows.filter(answered).select(*inputs, *more)


class LakeRows:
    """Rows of the lake's partitions, or of one dataset version. A row's time is its event time."""

    def __init__(
        self, spec: ModelSpec, lake: Lake, version: int, partitions: dict[str, str]
    ) -> None:
        """Pin the partitions to a version of the lake's table.

        Args:
            spec: The model's spec.
            lake: The model's lake.
            version: Delta version of the lake's table.
            partitions: Day (ISO) -> digest of its partition.
        """
        self.version = version
        self._spec, self._lake, self._partitions = spec, lake, partitions

    @classmethod
    def at(cls, job: Job, version: int | None = None) -> LakeRows:
        """Return the rows of every partition, at a version of the lake's table; None is the newest.

        Raises:
            TransientError: when the lake cannot be reached.
        """
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
        """The end of the last partition, in UTC; None without partitions."""
        last = max(self._partitions, default=None)
        return None if last is None else datetime.fromisoformat(last).replace(tzinfo=UTC) + DAY

    def until_by(self, moment: datetime) -> datetime | None:
        """Return the end of the last partition that was complete at a moment, in UTC, or None."""
        last_day = str((floor_day(moment) - DAY).date())
        last = max((day for day in self._partitions if day <= last_day), default=None)
        return None if last is None else datetime.fromisoformat(last).replace(tzinfo=UTC) + DAY

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows."""
        partitions = self._partitions_of(span)
        if not partitions:
            return pl.LazyFrame(schema=polars_schema(declared_columns(self._spec.ingest)))
        dataset = DatasetRef(
            model=self._spec.model,
            table=self._lake.data_uri,
            version=self.version,
            window=Window(start=floor_day(span.start), end=_ceil_day(span.end)),
            partitions=partitions,
            rows=0,
            quarantined=0,
            digest="",
        )
        return self._lake.scan(dataset, span.start, span.end)

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows with a label."""
        return self.scan(span).filter(pl.col(self._spec.ingest.label).is_not_null())

    def content_key(self, span: Span) -> str | None:
        """Return a digest of the digests of the span's partitions."""
        partitions = self._partitions_of(span)
        if not partitions:
            return None
        return digest_of(span.name, *(f"{day} {each}" for day, each in sorted(partitions.items())))

    def newest(self, span: Span) -> datetime | None:
        """Return the time of a span's newest row, in UTC; None without rows."""
        newest = pl.col(self._spec.ingest.event_time).max()
        time: datetime | None = self.scan(span).select(newest).collect().item()
        return time

    def quarantined(self, span: Span) -> int:
        """Return the number of quarantined rows of the span's days."""
        records = self._lake.refresh().partitions
        return sum(records[day].quarantined for day in self._partitions_of(span) if day in records)

    def _partitions_of(self, span: Span) -> dict[str, str]:
        days = map(str, days_between(floor_day(span.start), _ceil_day(span.end)))
        return {day: self._partitions[day] for day in days if day in self._partitions}


def _ceil_day(moment: datetime) -> datetime:
    """Return the first UTC midnight at or after a moment."""
    return floor_day(moment + DAY - _RESOLUTION)


def digest_of(*parts: str) -> str:
    """Return one SHA-256 of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
