"""Ingests a window's partitions from a source into the lake.

A partition is read when the lake lacks it, when the source may have changed it since the last read
(late labels, restatements), when the preprocessing in the spec has changed, or when the source had
nothing at the last try. A second run of the same window therefore reads and writes nothing.
Partitions read again unchanged are not rewritten: one commit notes all of a run. A partition in the
lake is never emptied: when the source has nothing for its day any more, this is logged and the rows
stay. A final day that the source has changed is kept, and people are told: `fingerprints` notices it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from airworthy.days import DAY, days_between, midnight
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.features import polars_schema
from airworthy.handover import DatasetRef, Window
from airworthy.job import Job, git_commit
from airworthy.lake.changed_days import ChangedDays, changes_of
from airworthy.lake.conform import ConformedPartition, conform, declared_columns
from airworthy.lake.digest import dataset_digest, frame_digest
from airworthy.lake.fingerprints import open_fingerprints
from airworthy.lake.ingest_notes import IngestNotes
from airworthy.lake.label_values import require_same_no
from airworthy.lake.lake import Lake
from airworthy.lake.later_columns import propose_since
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.preprocessing import preprocessing_digest
from airworthy.lake.run_days import final_at, refreshed_days
from airworthy.lake.source_schema import SourceSchema, source_columns
from airworthy.lake.sources import DatedSource, Source, open_source
from airworthy.lake.sources.source import NOTHING
from airworthy.lake.statistics import Statistics, frame_statistics
from airworthy.lake.times import local_days
from airworthy.lake.window_counts import window_counts
from airworthy.spec.sources_part import FilesSource

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("airworthy.ingest")


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
        self._fingerprints = open_fingerprints(self.source)
        self._notes = IngestNotes(job, lake, self.preprocessing)
        self._changed_days = ChangedDays(job, lake, self.source, self._fingerprints, self._notes)
        self._gone: list[str] = []
        self._end = job.run.as_of

    def ingest_window(self, window: Window) -> DatasetRef:
        """Ingest a window's partitions into the lake.

        Returns:
            The dataset at the lake's version after this run.

        Raises:
            TerminalError: when the source has nothing for the whole window, when its rows cannot
                be used (their partition is not changed), or when the days to read again are not of
                the window.
            TransientError: when the source or the lake cannot be reached.
        """
        self._end = window.end
        records = self.lake.partitions()
        asked = refreshed_days(self.job, window)
        days = [
            day
            for day in window.days
            if day in asked
            or (self._needs_reading(records.get(day.isoformat()), day) and self._is_complete(day))
        ]
        log.info(
            "%s %s: %d partitions, %d to read",
            self.job.spec.model,
            window,
            len(window.days),
            len(days),
        )
        self._fingerprints.take(days)
        for day in days:
            self._ingest_day(day, records.get(day.isoformat()), asked=day in asked)
        try:
            self._changed_days.look(window, self._read_again)
        finally:
            self._notes.commit()
        self._tell_empty_days()
        return self._told(self._dataset(window))

    def _needs_reading(self, record: PartitionRecord | None, day: date) -> bool:
        """Return True for a missing or not yet final partition, or other preprocessing."""
        if record is None or record.preprocessing != self.preprocessing:
            return True
        if self.job.spec.ingest.static:
            return True  # The file of static rows may change at any time.
        return record.as_of < min(self.job.run.as_of, final_at(self.job, day))

    def _is_complete(self, day: date) -> bool:
        """Return False for a day whose last hours are in a file of the next day of a zone.

        A run as of the end of a day cannot have that file. The next day's run reads the day. The
        spec's last day has no next one.
        """
        spec, source = self.job.spec, self.job.spec.ingest.source
        if not isinstance(source, FilesSource) or "{dd}" not in source.path:
            return True
        is_whole = len(local_days(day, spec.ingest.time_zone)) == 1
        if is_whole or day == spec.end or self.job.run.as_of >= midnight(day) + 2 * DAY:
            return True
        log.info(
            "%s: left for the next day's run: the last hours of this UTC day are in another file, "
            "as ingest.time_zone is %s",
            day,
            spec.ingest.time_zone,
        )
        return False

    def _read_again(self, day: date, record: PartitionRecord) -> None:
        """Read a day that the source has changed and that is not final."""
        self._fingerprints.take([day])
        self._ingest_day(day, record)

    def _ingest_day(
        self, day: date, current: PartitionRecord | None, *, asked: bool = False
    ) -> None:
        """Read one day, and replace its partition if its content is new."""
        raw = self.source.read(day)
        if raw is None or raw.is_empty():
            self._skip_empty_day(day, current)
            return
        self.read += 1
        columns = source_columns(raw)
        self._notes.schema = SourceSchema(day.isoformat(), columns, self.preprocessing)
        conformed = self._conform(raw, day)
        fingerprint = self._fingerprints.of(day, raw)
        del raw
        self._require_same_no(conformed.negative, day)
        digest = frame_digest(conformed.rows)
        recorded = current is not None and current.digest == digest
        damaged = current is not None and self._is_damaged(current)
        if (
            current is not None
            and recorded
            and not damaged
            and current.quarantined == conformed.quarantine.height
        ):
            self._notes.unchanged.append(current.partition)
            self._notes.fingerprints[current.partition] = fingerprint
            log.info("%s: read again, unchanged (%d rows)", day, current.rows)
            return
        as_of = self.job.run.as_of
        if current is not None and current.preprocessing == self.preprocessing:
            as_of = max(as_of, current.as_of)  # A later run's state gives way, too.
        record = PartitionRecord(
            partition=day.isoformat(),
            source=self.source.describe(),
            created=datetime.now(UTC),
            as_of=as_of,
            rows=conformed.rows.height,
            quarantined=conformed.quarantine.height,
            duplicates=conformed.duplicates,
            digest=digest,
            preprocessing=self.preprocessing,
            git_commit=git_commit(self.job.environment.project),
            event_time=self.job.spec.ingest.event_time,
            columns=declared_columns(self.job.spec.ingest),
            cause="repaired" if recorded and damaged else "refreshed" if asked else "new",
            run_id=self.job.run.run_id,
            source_columns=columns,
            row_changes=changes_of(self.lake, self.job, current, conformed.rows),
            superseded=conformed.superseded,
            reasons=conformed.reasons,
            fingerprint=fingerprint,
            negative=conformed.negative or "",
        )
        self._write(record, conformed)

    def _write(self, record: PartitionRecord, conformed: ConformedPartition) -> None:
        """Replace a partition. Its statistics are computed before: they may fail."""
        self.statistics[record.digest] = frame_statistics(conformed.rows)
        repair = record.cause == "repaired"
        written = self.lake.replace(conformed.rows, conformed.quarantine, record, repair=repair)
        log.info(
            "%s: %s, %d rows, %d quarantined, %d duplicates, digest %s",
            record.partition,
            written.cause,
            written.rows,
            written.quarantined,
            written.duplicates,
            written.digest[:12],
        )
        if written.previous_rows > written.rows and written.cause != "preprocessing":
            self._notes.notice(
                f"{record.partition} has fewer rows than before: {written.previous_rows:,}, now "
                f"{written.rows:,} ({written.cause})"
            )

    def _is_damaged(self, record: PartitionRecord) -> bool:
        """Tell whether a partition does not hold what its record says. A run that reads it repairs it."""
        if record.rows == 0 or self.lake.current_rows(record) is not None:
            return False
        self._notes.notice(
            f"{record.partition} was damaged in the lake: it is written again from the source"
        )
        return True

    def _conform(self, raw: pl.DataFrame, day: date) -> ConformedPartition:
        """Conform a day's rows. Columns that cannot be used are noted before the error.

        Raises:
            TerminalError: when the rows cannot be used.
        """
        try:
            return conform(raw, self.job.spec.ingest, day)
        except TerminalError as error:
            with suppress(TransientError):
                self._notes.note_schema()
            with suppress(AirworthyError):
                propose_since(error, days_between(midnight(day) + DAY, self._end), self._columns_of)
            raise

    def _columns_of(self, day: date) -> list[str]:
        raw = self.source.read(day)
        return [] if raw is None or raw.is_empty() else raw.columns

    def _require_same_no(self, no: str | None, day: date) -> None:
        """Check that the label's value for no is that of the other partitions of this spec."""
        ingest = self.job.spec.ingest
        if no is None or ingest.negative is not None:
            return
        for name, record in self.lake.refresh().partitions.items():
            if name != day.isoformat() and record.preprocessing == self.preprocessing:
                require_same_no(no, record.negative or None, ingest.label, day.isoformat(), name)

    def _skip_empty_day(self, day: date, current: PartitionRecord | None) -> None:
        if current is None:
            self._notes.empty.append(day.isoformat())
            return
        self._notes.unchanged.append(current.partition)
        self._notes.fingerprints[current.partition] = NOTHING
        self._gone.append(current.partition)

    def _tell_empty_days(self) -> None:
        """Tell the days without rows in one line, however many there are."""
        source = self.source.describe()
        if self._notes.empty:
            log.warning("%s has nothing for %s", source, _days_in_words(self._notes.empty))
        if self._gone:
            days = _days_in_words(self._gone)
            self._notes.notice(f"{source} no longer has {days}; the lake keeps their rows")

    def _told(self, dataset: DatasetRef) -> DatasetRef:
        """Log the dataset and what became of its rows, as the last lines of the run."""
        log.info(
            "%s: %d rows, digest %s, %d read",
            dataset.id,
            dataset.rows,
            dataset.digest,
            dataset.partitions_read,
        )
        if dataset.counts is not None:
            log.info("%s", "\n".join(dataset.counts.lines))
        return dataset

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
                received=self.source.describe() + _own_days(self.source),
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
            counts=window_counts(window, lake_records.partitions, self._notes.notices),
        )


def _days_in_words(days: list[str]) -> str:
    """Return days in words: one as it is, several as their number with the first and the last."""
    return days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _own_days(source: Source) -> str:
    days = source.days() if isinstance(source, DatedSource) else None
    return f", which has rows from {days[0]} to {days[1]}" if days else ""
