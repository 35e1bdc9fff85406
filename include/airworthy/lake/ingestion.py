"""Ingests a window's partitions from a source into the lake.

A partition is read when the lake lacks it, when the source may have changed it since the last read
(late labels, restatements), when the preprocessing in the spec has changed, or when the source had
nothing at the last try. A second run of the same window therefore reads and writes nothing.
Partitions read again unchanged are not rewritten: one commit notes all of a run. A partition in the
lake is never emptied: when the source has nothing for its day any more, this is logged and the rows
stay.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError, TransientError
from airworthy.features import polars_schema
from airworthy.handover import DatasetRef, Window
from airworthy.job import Job, git_commit
from airworthy.lake.conform import ConformedPartition, conform, declared_columns
from airworthy.lake.digest import dataset_digest, frame_digest
from airworthy.lake.label_values import require_same_no
from airworthy.lake.lake import Lake
from airworthy.lake.partition_records import PartitionRecord, Reading
from airworthy.lake.row_changes import RowChanges, row_changes
from airworthy.lake.source_schema import SourceSchema, source_columns
from airworthy.lake.sources import open_source
from airworthy.lake.statistics import Statistics, frame_statistics

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("airworthy.ingest")

_OF_PREPROCESSING = {
    "source",
    "event_time",
    "time_format",
    "time_zone",
    "static",
    "key",
    "null_values",
    "positive",
    "negative",
    "since",
    "columns",
}


def clipped_window(job: Job, lookback: timedelta, command: str) -> Window:
    """Return ``[as_of - lookback, as_of)``, clipped to the spec's `start` and `end`.

    Args:
        job: The run's job.
        lookback: Length of the window.
        command: The command of the error's next step.

    Raises:
        TerminalError: when `as_of` is not a UTC midnight, or outside the spec's days.
    """
    as_of, spec = job.run.as_of.astimezone(UTC), job.spec
    first = midnight(spec.start) + DAY
    last = midnight(spec.end) + DAY if spec.end is not None else None
    if as_of.time() != time(0) or as_of < first or (last is not None and as_of > last):
        raise TerminalError(
            "as_of is not a day for which this model has data",
            received=as_of.isoformat(),
            allowed=f"a UTC midnight from {first:%Y-%m-%d}"
            + (f" to {last:%Y-%m-%d}" if last else " on"),
            next_step=f"airworthy {command} {spec.model} --as-of {last or first:%Y-%m-%d}",
        )
    return Window(start=max(as_of - lookback, midnight(spec.start)), end=as_of)


def preprocessing_digest(job: Job) -> str:
    """Return the digest of the spec's keys with an effect on the rows of a partition.

    A database's password has none, and a digest of it would help to guess it.
    """
    ingest = job.spec.ingest.digest_form()
    declared = {name: value for name, value in ingest.items() if name in _OF_PREPROCESSING}
    if declared["source"].get("url"):
        declared["source"]["url"] = _without_password(declared["source"]["url"])
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()


class Ingestion:
    """One run over a window, with one partition in memory at a time.

    `read` counts the partitions read. `statistics` has those of the written contents, by digest.
    """

    def __init__(self, job: Job, lake: Lake) -> None:
        """Open the source of the job's spec. The partitions are written to `lake`."""
        self.job, self.lake, self.source = job, lake, open_source(job)
        self.preprocessing = preprocessing_digest(job)
        self.read = 0
        self.statistics: dict[str, Statistics] = {}
        self._unchanged: list[str] = []
        self._empty: list[str] = []
        self._schema: SourceSchema | None = None

    def ingest_window(self, window: Window) -> DatasetRef:
        """Ingest a window's partitions into the lake.

        Returns:
            The dataset at the lake's version after this run.

        Raises:
            TerminalError: when the source has nothing for the whole window, or when its rows cannot
                be used; their partition is not changed.
            TransientError: when the source or the lake cannot be reached.
        """
        records = self.lake.partitions()
        days = [
            day for day in window.days if self._needs_reading(records.get(day.isoformat()), day)
        ]
        log.info(
            "%s %s: %d partitions, %d to read",
            self.job.spec.model,
            window,
            len(window.days),
            len(days),
        )
        for day in days:
            self._ingest_day(day, records.get(day.isoformat()))
        self._note_reading()
        dataset = self._dataset(window)
        log.info(
            "%s: %d rows, digest %s, %d read",
            dataset.id,
            dataset.rows,
            dataset.digest,
            dataset.partitions_read,
        )
        return dataset

    def _needs_reading(self, record: PartitionRecord | None, day: date) -> bool:
        """Return True for a missing or not yet final partition, or other preprocessing."""
        if record is None or record.preprocessing != self.preprocessing:
            return True
        settling = max(self.job.spec.ingest.label_delay, self.job.spec.ingest.restate)
        final_at = midnight(day) + DAY + settling
        return record.as_of < min(self.job.run.as_of, final_at)

    def _ingest_day(self, day: date, current: PartitionRecord | None) -> None:
        """Read one day, and replace its partition if its content is new."""
        raw = self.source.read(day)
        if raw is None or raw.is_empty():
            self._skip_empty_day(day, current)
            return
        self.read += 1
        self._schema = SourceSchema(day.isoformat(), source_columns(raw), self.preprocessing)
        conformed = self._conform(raw, day)
        del raw
        self._require_same_no(conformed.negative, day)
        digest = frame_digest(conformed.rows)
        if (
            current is not None
            and current.digest == digest
            and current.quarantined == conformed.quarantine.height
        ):
            self._unchanged.append(current.partition)
            log.info("%s: read again, unchanged (%d rows)", day, current.rows)
            return
        record = PartitionRecord(
            partition=day.isoformat(),
            source=self.source.describe(),
            created=datetime.now(UTC),
            as_of=self.job.run.as_of,
            rows=conformed.rows.height,
            quarantined=conformed.quarantine.height,
            duplicates=conformed.duplicates,
            digest=digest,
            preprocessing=self.preprocessing,
            git_commit=git_commit(self.job.environment.project),
            event_time=self.job.spec.ingest.event_time,
            columns=declared_columns(self.job.spec.ingest),
            run_id=self.job.run.run_id,
            source_columns=self._schema.columns,
            row_changes=self._row_changes(current, conformed.rows),
            negative=conformed.negative,
        )
        self.statistics[digest] = frame_statistics(conformed.rows)
        written = self.lake.replace(conformed.rows, conformed.quarantine, record)
        log.info(
            "%s: %s, %d rows, %d quarantined, %d duplicates, digest %s",
            day,
            written.cause,
            written.rows,
            written.quarantined,
            written.duplicates,
            written.digest[:12],
        )

    def _conform(self, raw: pl.DataFrame, day: date) -> ConformedPartition:
        """Conform a day's rows. Columns that cannot be used are noted before the error.

        Raises:
            TerminalError: when the rows cannot be used.
        """
        try:
            return conform(raw, self.job.spec.ingest, day)
        except TerminalError:
            with suppress(TransientError):
                self._note_schema_change()
            raise

    def _require_same_no(self, no: str | None, day: date) -> None:
        """Check that the label's value for no is that of the other partitions of this spec."""
        ingest = self.job.spec.ingest
        if no is None or ingest.negative is not None:
            return
        for name, record in self.lake.refresh().partitions.items():
            if name != day.isoformat() and record.preprocessing == self.preprocessing:
                require_same_no(no, record.negative, ingest.label, day.isoformat(), name)

    def _note_schema_change(self) -> None:
        schema, run_id = self._schema, self.job.run.run_id
        if schema is not None and self.lake.refresh().schema_change(schema, run_id) is not None:
            self.lake.note(self._reading([], []))

    def _row_changes(
        self, current: PartitionRecord | None, rows: pl.DataFrame
    ) -> RowChanges | None:
        """Return the changes of a restated partition; None: it is new, or the spec changed it."""
        if current is None or current.preprocessing != self.preprocessing:
            return None
        return row_changes(self.lake.current_rows(current), rows, self.job.spec.ingest)

    def _skip_empty_day(self, day: date, current: PartitionRecord | None) -> None:
        if current is None:
            self._empty.append(day.isoformat())
            log.warning("%s: %s has nothing for this day", day, self.source.describe())
            return
        self._unchanged.append(current.partition)
        log.warning(
            "%s: %s no longer has this day; the lake keeps its rows", day, self.source.describe()
        )

    def _note_reading(self) -> None:
        """Note partitions read again unchanged and newly empty days, if any, in one commit."""
        empty = [day for day in self._empty if day not in self.lake.refresh().empty]
        if self._unchanged or empty:
            self.lake.note(self._reading(self._unchanged, empty))

    def _reading(self, unchanged: list[str], empty: list[str]) -> Reading:
        """Return a note, with the source's columns on the last day that was read."""
        schema = self._schema or SourceSchema("", {}, self.preprocessing)
        return Reading(
            as_of=self.job.run.as_of,
            created=datetime.now(UTC),
            preprocessing=self.preprocessing,
            unchanged=unchanged,
            empty=empty,
            run_id=self.job.run.run_id,
            source_day=schema.day,
            source_columns=schema.columns,
        )

    def _dataset(self, window: Window) -> DatasetRef:
        """Return the dataset version of a window at the lake's current version."""
        lake_records = self.lake.refresh()
        records = [
            lake_records.partitions[day.isoformat()]
            for day in window.days
            if day.isoformat() in lake_records.partitions
        ]
        with_rows = [record for record in records if record.rows > 0]
        if not with_rows:
            raise TerminalError(
                f"the source has nothing for the whole window {window}",
                received=self.source.describe(),
                allowed="at least one day with rows",
                next_step="check the source's address, and start and end",
            )
        digests = {record.partition: record.digest for record in with_rows}
        return DatasetRef(
            model=self.job.spec.model,
            table=self.lake.data_uri,
            version=lake_records.version,
            window=window,
            partitions=digests,
            rows=sum(record.rows for record in with_rows),
            quarantined=sum(record.quarantined for record in records),
            partitions_read=self.read,
            digest=dataset_digest(digests, polars_schema(declared_columns(self.job.spec.ingest))),
        )


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
