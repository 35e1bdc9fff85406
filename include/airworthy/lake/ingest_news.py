"""The news of an ingest: the days that a run wrote, and the changes that it noticed at the source.

The lake's commits have them, so a run that was killed, retried or failed tells the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airworthy.lake.lake import Lake
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.source_changes import SourceChange
from airworthy.lake.source_schema import SchemaChange


@dataclass(frozen=True)
class IngestNews:
    """The news of a run.

    Attributes:
        table: The address of the table.
        written: The partitions whose rows the run wrote, oldest day first.
        schema_changes: The changes of the source's columns, oldest first.
        source: The source in words.
        is_training: True for the lake of training rows, not for rows of a source only for scoring.
        source_changes: The days that the source changed after they were final; the lake keeps them.
    """

    table: str
    written: list[PartitionRecord]
    schema_changes: list[SchemaChange]
    source: str = ""
    is_training: bool = True
    source_changes: list[SourceChange] = field(default_factory=list)

    @property
    def version(self) -> int:
        """The table's version with the last day that the run wrote; -1: it wrote none."""
        return max((record.version for record in self.written), default=-1)

    @property
    def restated(self) -> list[PartitionRecord]:
        """The written partitions that the source has restated. Late labels restate nothing."""
        return [
            record
            for record in self.written
            if record.cause in ("restated", "refreshed")
            and not (record.row_changes is not None and record.row_changes.are_late_labels)
        ]


def ingest_news(lake: Lake, run_id: str) -> IngestNews:
    """Return the news of a run.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    records = lake.refresh()
    # All commits, not the newest of each day: a run at the same time may write the same rows again.
    written = {
        record.partition: record
        for record in records.written
        if record.run_id == run_id and record.digest != record.previous_digest
    }
    changes = [change for change in records.schema_changes if change.run_id == run_id]
    newest = max(records.partitions.values(), key=lambda record: record.version, default=None)
    source = newest.source if newest is not None else ""
    days = [record for _, record in sorted(written.items())]
    kept = [change for change in records.source_changes if change.run_id == run_id]
    return IngestNews(lake.data_uri, days, changes, source, lake.is_training, kept)
