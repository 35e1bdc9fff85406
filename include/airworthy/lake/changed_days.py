"""Days that the source has changed since they were read.

Days that may still change are read again. Final ones are kept, and people are told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from airworthy.errors import TerminalError, TransientError
from airworthy.handover import Window
from airworthy.job import Job
from airworthy.lake.conform import conform
from airworthy.lake.digest import frame_digest
from airworthy.lake.fingerprints import Fingerprints
from airworthy.lake.ingest_notes import IngestNotes
from airworthy.lake.lake import Lake
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.preprocessing import preprocessing_digest
from airworthy.lake.row_changes import RowChanges, row_changes
from airworthy.lake.run_days import final_at
from airworthy.lake.source_changes import SourceChange
from airworthy.lake.sources import Source

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("airworthy.ingest")
_CHANGES_TOLD = 5

ReadAgain = Callable[[date, PartitionRecord], None]


class ChangedDays:
    """One run's look for changed days."""

    def __init__(
        self,
        job: Job,
        lake: Lake,
        source: Source,
        fingerprints: Fingerprints,
        notes: IngestNotes,
    ) -> None:
        """Keep the parts. Reads nothing.

        Args:
            job: The run's job.
            lake: The lake of the partitions.
            source: The source of the rows.
            fingerprints: The states of the source's days.
            notes: The run's notes.
        """
        self._job, self._lake, self._source = job, lake, source
        self._fingerprints, self._notes = fingerprints, notes

    def look(self, window: Window, read_again: ReadAgain) -> None:
        """Look for days of a window that the source has changed since they were read.

        Args:
            window: The window.
            read_again: Reads a day that may still change, with the record of its partition.

        Raises:
            TerminalError: when the rows of a day that is read again cannot be used.
            TransientError: when the lake cannot be reached.
        """
        records = self._lake.partitions()
        in_lake = [day for day in window.days if day.isoformat() in records]
        known = {day: self._notes.known(records, day) for day in in_lake}
        rows = {day: records[day.isoformat()].read for day in in_lake}
        for day, state in self._changed(known, rows).items():
            record = records[day.isoformat()]
            if record.as_of < final_at(self._job, day):
                read_again(day, record)
            else:
                self._compare(day, record)
            self._notes.fingerprints[record.partition] = state
        self._tell()

    def _tell(self) -> None:
        """Tell of the days that were kept, with the command that reads them again."""
        if self._notes.changes:
            days = [change.day for change in self._notes.changes]
            self._notes.notice(
                f"{len(days)} day(s) changed at the source and were kept; to read them again: "
                f"airworthy run {self._job.spec.model} --refresh {days[0]}..{days[-1]}"
            )

    def _changed(self, known: dict[date, str], rows: dict[date, int]) -> dict[date, str]:
        """Return the changed days. A source out of reach is told of: the lake has the rows."""
        try:
            return self._fingerprints.changed(known, rows)
        except TransientError as error:
            self._notes.notice(f"it is not known whether the source has changed: {error.problem}")
            return {}

    def _compare(self, day: date, record: PartitionRecord) -> None:
        """Compare a final day with its changed source. The lake keeps its rows."""
        raw = self._source.read(day)
        if raw is None or raw.is_empty():
            log.info("%s: %s no longer has this day", day, self._source.describe())
            return
        change = self._change(raw, day, record)
        if change is None:
            return
        self._notes.changes.append(change)
        if len(self._notes.changes) <= _CHANGES_TOLD:
            self._notes.notice(
                f"changed at the source, and kept because it is final since "
                f"{final_at(self._job, day):%Y-%m-%d}: {change.line}"
            )

    def _change(self, raw: pl.DataFrame, day: date, record: PartitionRecord) -> SourceChange | None:
        """Return the difference between a partition and its source; None: there is none."""
        found: int | None = None
        try:
            rows = conform(raw, self._job.spec.ingest, day).rows
        except TerminalError as error:
            text = error.problem
        else:
            if frame_digest(rows) == record.digest:
                return None
            found = rows.height
            changes = changes_of(self._lake, self._job, record, rows)
            text = changes.text if changes is not None else "other rows"
        return SourceChange(
            day=record.partition,
            run_id=self._job.run.run_id,
            kept=record.rows,
            found=found,
            text=text,
        )


def changes_of(
    lake: Lake, job: Job, current: PartitionRecord | None, rows: pl.DataFrame
) -> RowChanges | None:
    """Return the changes of a restated partition.

    None: it is new, it is damaged, or the spec changed it.

    Args:
        lake: The lake of the partition.
        job: The job of the run.
        current: The partition's record; None: there is no such partition yet.
        rows: The partition's new rows.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    if current is None or current.preprocessing != preprocessing_digest(job):
        return None
    before = lake.current_rows(current)
    return None if before is None else row_changes(before, rows, job.spec.ingest)
