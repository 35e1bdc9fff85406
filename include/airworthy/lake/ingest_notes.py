"""Collects what a run notes beside the partitions that it writes, for one commit at its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime

from airworthy.job import Job
from airworthy.lake.lake import Lake
from airworthy.lake.partition_records import PartitionRecord, Reading
from airworthy.lake.source_changes import SourceChange
from airworthy.lake.source_schema import SourceSchema

log = logging.getLogger("airworthy.ingest")


class IngestNotes:
    """The notes of one run.

    Attributes:
        unchanged: Partitions that were read again with the same content.
        empty: Days for which the source had nothing.
        fingerprints: Partition -> the state of the source's day that this run saw.
        changes: The days that the source changed after they were final.
        notices: What people should look at, a sentence each.
        schema: The source's columns on the last day that was read.
    """

    def __init__(self, job: Job, lake: Lake, preprocessing: str) -> None:
        """Start without a note."""
        self._job, self._lake, self._preprocessing = job, lake, preprocessing
        self.unchanged: list[str] = []
        self.empty: list[str] = []
        self.fingerprints: dict[str, str] = {}
        self.changes: list[SourceChange] = []
        self.notices: list[str] = []
        self.schema: SourceSchema | None = None

    def notice(self, text: str) -> None:
        """Log what people should look at, and keep it for the run's end."""
        log.warning("%s", text)
        self.notices.append(text)

    def known(self, records: Mapping[str, PartitionRecord], day: date) -> str:
        """Return the last known fingerprint of a day that is in the lake."""
        name = day.isoformat()
        return self.fingerprints.get(name, records[name].fingerprint)

    def note_schema(self) -> None:
        """Commit the source's columns, if they are others than before."""
        schema, run_id = self.schema, self._job.run.run_id
        if schema is None or self._lake.refresh().schema_change(schema, run_id) is None:
            return
        self._lake.note(self._reading([], [], {}, []))

    def commit(self) -> None:
        """Commit the notes, if there are any."""
        records = self._lake.refresh()
        empty = [day for day in self.empty if day not in records.empty]
        fingerprints = {
            day: state
            for day, state in self.fingerprints.items()
            if day in records.partitions and records.partitions[day].fingerprint != state
        }
        if self.unchanged or empty or fingerprints or self.changes:
            self._lake.note(self._reading(self.unchanged, empty, fingerprints, self.changes))

    def _reading(
        self,
        unchanged: list[str],
        empty: list[str],
        fingerprints: dict[str, str],
        changes: list[SourceChange],
    ) -> Reading:
        schema = self.schema or SourceSchema("", {}, self._preprocessing)
        by_state: dict[str, list[str]] = {}
        for day, state in fingerprints.items():
            by_state.setdefault(state, []).append(day)
        return Reading(
            as_of=self._job.run.as_of,
            created=datetime.now(UTC),
            preprocessing=self._preprocessing,
            unchanged=unchanged,
            empty=empty,
            run_id=self._job.run.run_id,
            source_day=schema.day,
            source_columns=schema.columns,
            fingerprints=by_state,
            changed=changes,
        )
