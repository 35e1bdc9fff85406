"""The records of the lake's partitions, stored as metadata of its commits.

Any Delta reader can show them, and a record cannot be separated from its data. A commit of kind
``partition`` replaced one partition. A commit of kind ``reading`` notes partitions read again
unchanged, and days without rows in the source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import polars as pl
from pydantic import AwareDatetime, Field

from airworthy.handover import QuarantineReason, StageOutput
from airworthy.lake.row_changes import RowChanges
from airworthy.lake.source_changes import SourceChange
from airworthy.lake.source_schema import SchemaChange, SourceSchema
from airworthy.spec.fields import ColumnType

_RESTATEMENT: dict[str, pl.DataType] = {
    "partition": pl.String(),
    "cause": pl.String(),
    "previous_digest": pl.String(),
    "digest": pl.String(),
    "previous_rows": pl.Int64(),
    "rows": pl.Int64(),
    "created": pl.Datetime("us", "UTC"),
    "as_of": pl.Datetime("us", "UTC"),
}
_JSON = ("columns", "source_columns", "row_changes", "reasons")


class PartitionRecord(StageOutput):
    """The current state of a partition.

    Attributes:
        partition: The UTC day, ``2026-01-31``.
        source: Its source, without secrets.
        created: Time of writing, UTC.
        as_of: The latest `as_of` of a run that read it, UTC.
        rows: Rows in the lake.
        quarantined: Unusable rows.
        duplicates: Exact repeats of a row, which were dropped. In records of earlier versions, all
            rows dropped for a later one with the same key.
        digest: Content digest (SHA-256).
        preprocessing: Digest of the preprocessing: source, columns, key, event time.
        git_commit: The project's commit at the time of writing.
        event_time: Name of the event-time column.
        columns: The columns in order, with their declared types.
        cause: ``new``, ``restated`` (the source changed it), ``preprocessing`` (the spec changed
            it), ``refreshed`` (a person asked to read it again, and the source had changed it) or
            ``repaired`` (its file was damaged, and the source still had the recorded content).
        previous_digest: Digest of the replaced content; empty for a new partition.
        previous_rows: Rows of the replaced content.
        version: The Delta version of its commit.
        run_id: The run that wrote it; empty in records of earlier versions.
        source_columns: The source's columns with their types, as it delivered them.
        row_changes: The changes of a restated partition's rows.
        superseded: Rows dropped for a later one of their key, as the spec says.
        reasons: Reason of quarantine -> its rows, with an example.
        fingerprint: The state of the source's day when it was read; empty: unknown.
        negative: The label's value that means no, where ``ingest.positive`` is given; empty: no row
            has it.
    """

    partition: str
    source: str
    created: AwareDatetime
    as_of: AwareDatetime
    rows: int
    quarantined: int
    duplicates: int
    digest: str
    preprocessing: str
    git_commit: str
    event_time: str
    columns: dict[str, ColumnType]
    cause: str = "new"
    previous_digest: str = ""
    previous_rows: int = 0
    version: int = -1
    run_id: str = ""
    source_columns: dict[str, str] = Field(default_factory=dict)
    row_changes: RowChanges | None = None
    superseded: int = 0
    reasons: dict[str, QuarantineReason] = Field(default_factory=dict)
    fingerprint: str = ""
    negative: str = ""

    @property
    def read(self) -> int:
        """The number of raw rows."""
        return self.rows + self.quarantined + self.duplicates + self.superseded

    def metadata(self) -> dict[str, str]:
        """Return the record as commit metadata."""
        values = self.model_dump(mode="json", exclude={"version"}) | {"at_version": self.version}
        return {"kind": "partition"} | {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }

    def supersedes(self, new: PartitionRecord) -> bool:
        """Return True when `new` need not be written, if it has the same preprocessing.

        That is an earlier `as_of`, or the same content at the same `as_of`.
        """
        return self.preprocessing == new.preprocessing and (
            self.as_of > new.as_of or (self.digest == new.digest and self.as_of == new.as_of)
        )

    def following(self, current: PartitionRecord | None, version: int) -> PartitionRecord:
        """Return this new record with its Delta version, cause and previous content.

        `current` is the partition's record so far; None: the partition is new.
        """
        if current is None:
            return self.model_copy(update={"version": version, "cause": "new"})
        cause = "preprocessing"
        if current.preprocessing == self.preprocessing:
            cause = self.cause if self.cause in ("refreshed", "repaired") else "restated"
        previous = {"previous_digest": current.digest, "previous_rows": current.rows}
        return self.model_copy(update={"version": version, "cause": cause, **previous})

    @classmethod
    def from_metadata(cls, commit: dict[str, Any]) -> PartitionRecord:
        """Read a record from commit metadata."""
        values = {name: commit[name] for name in cls.model_fields if name in commit}
        parsed = {name: json.loads(values[name]) for name in _JSON if name in values}
        return cls.model_validate(values | parsed | {"version": commit["at_version"]})


class Reading(StageOutput):
    """A note of partitions read again unchanged at `as_of`, and of days without rows.

    `source_columns` are the source's columns on the day `source_day`, as `run_id` read them.
    `fingerprints` has the days of each new fingerprint of the source, `changed` the days that it
    changed after they were final.
    """

    as_of: AwareDatetime
    created: AwareDatetime
    preprocessing: str
    unchanged: list[str]
    empty: list[str]
    run_id: str = ""
    source_day: str = ""
    source_columns: dict[str, str] = Field(default_factory=dict)
    fingerprints: dict[str, list[str]] = Field(default_factory=dict)
    changed: list[SourceChange] = Field(default_factory=list)

    def metadata(self, version: int) -> dict[str, str]:
        """Return the note as commit metadata."""
        return {"kind": "reading", "at_version": str(version), "reading": self.model_dump_json()}


class Records:
    """The records of a table, updated from its newest commits only."""

    def __init__(self) -> None:
        """Start without a commit."""
        self.version = -1
        self.partitions: dict[str, PartitionRecord] = {}
        self.empty: set[str] = set()
        self.written: list[PartitionRecord] = []
        self.replaced: list[PartitionRecord] = []
        self.source_schema: SourceSchema | None = None
        self.schema_changes: list[SchemaChange] = []
        self.source_changes: list[SourceChange] = []

    def add(self, commits: Iterable[dict[str, Any]], up_to: int | None = None) -> None:
        """Add commits, oldest first; skip those added before, or later than version `up_to`."""
        for commit in commits:
            version = int(commit.get("at_version", 0))
            if version <= self.version or (up_to is not None and version > up_to):
                continue
            self.version = version
            if commit["kind"] == "partition":
                self._replace(PartitionRecord.from_metadata(commit))
            elif commit["kind"] == "reading":
                self._note(Reading.model_validate_json(commit["reading"]))

    def restatements(self) -> pl.DataFrame:
        """Return every replacement of a partition by other content, in order of the commits."""
        rows = [record.model_dump(include=set(_RESTATEMENT)) for record in self.replaced]
        return pl.DataFrame(rows, schema=_RESTATEMENT)

    def schema_change(self, schema: SourceSchema, run_id: str) -> SchemaChange | None:
        """Return the change from the last recorded schema of the source; None: there is none."""
        if self.source_schema is None:
            return None
        return self.source_schema.change_to(schema, run_id)

    def _observe(self, schema: SourceSchema, run_id: str) -> None:
        """Take over a schema of the source, unless it is of an earlier day, and keep its change."""
        if not schema.columns:
            return
        change, last = self.schema_change(schema, run_id), self.source_schema
        if change is not None:
            self.schema_changes.append(change)
        if last is None:
            self.source_schema = schema
        elif last.is_before(schema):
            self.source_schema = last.followed_by(schema)

    def _replace(self, record: PartitionRecord) -> None:
        self.partitions[record.partition] = record
        self.written.append(record)
        self.empty.discard(record.partition)
        if record.cause not in ("new", "repaired"):
            self.replaced.append(record)
        schema = SourceSchema(record.partition, record.source_columns, record.preprocessing)
        self._observe(schema, record.run_id)

    def _note(self, reading: Reading) -> None:
        self.empty.update(reading.empty)
        for partition in reading.unchanged:
            record = self.partitions[partition]
            as_of = max(record.as_of, reading.as_of)
            updates = {"as_of": as_of, "preprocessing": reading.preprocessing}
            self.partitions[partition] = record.model_copy(update=updates)
        for fingerprint, days in reading.fingerprints.items():
            for day in days:
                noted = {"fingerprint": fingerprint}
                self.partitions[day] = self.partitions[day].model_copy(update=noted)
        self.source_changes.extend(reading.changed)
        schema = SourceSchema(reading.source_day, reading.source_columns, reading.preprocessing)
        self._observe(schema, reading.run_id)
