"""What the lake knows of each partition, kept in the commits that wrote it.

Every commit carries a record as plain metadata, so any Delta reader can show it, and record and data cannot part. A
commit of kind ``partition`` replaced one partition; one of kind ``reading`` notes partitions that were read again and
had not changed, and days for which the source had nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import AwareDatetime

from airworthy.handover import Ref
from airworthy.spec.fields import ColumnType


class PartitionRecord(Ref):
    """One partition as it stands.

    Attributes:
        partition: The UTC day, ``2026-01-31``.
        source: What it was read from, without secrets.
        created: When it was written, UTC.
        as_of: The latest `as_of` for which it was read, UTC.
        rows: Rows in the lake.
        quarantined: Rows that could not be used.
        duplicates: Rows dropped because a later one had the same key.
        digest: Content digest (SHA-256).
        preprocessing: Digest of how raw rows became these: source, columns, key, event time.
        git_commit: The project's commit that wrote it.
        event_time: Name of the event-time column.
        columns: The columns in order, with their declared types.
        cause: Why it was written: ``new``, ``restated`` (the source changed it) or ``preprocessing`` (the spec did).
        previous_digest: Digest of the content that it replaced; empty for a new partition.
        previous_rows: Rows of the content that it replaced.
        version: The Delta version of the commit that wrote it.
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

    def metadata(self) -> dict[str, str]:
        """Return the commit metadata that says all this."""
        values = self.model_dump(mode="json", exclude={"version"}) | {"at_version": self.version}
        return {"kind": "partition"} | {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
        }

    @classmethod
    def from_metadata(cls, commit: dict[str, Any]) -> PartitionRecord:
        """Read what `metadata` wrote."""
        values = {name: commit[name] for name in cls.model_fields if name != "version"}
        return cls.model_validate(
            values | {"columns": json.loads(commit["columns"]), "version": commit["at_version"]}
        )


class Reading(Ref):
    """A note that partitions were read again as of `as_of` and were the same, or that the source had nothing."""

    as_of: AwareDatetime
    created: AwareDatetime
    preprocessing: str
    unchanged: list[str]
    empty: list[str]

    def metadata(self, version: int) -> dict[str, str]:
        """Return the commit metadata that says all this."""
        return {"kind": "reading", "at_version": str(version), "reading": self.model_dump_json()}


class Records:
    """The records of a table, brought up to date from its newest commits only."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.version = -1
        self.partitions: dict[str, PartitionRecord] = {}
        self.empty: set[str] = set()
        self.replaced: list[PartitionRecord] = []

    def add(self, commits: Iterable[dict[str, Any]], up_to: int | None = None) -> None:
        """Take in commits, oldest first; those already known, or later than `up_to`, are passed over."""
        for commit in commits:
            version = int(commit.get("at_version", 0))
            if version <= self.version or (up_to is not None and version > up_to):
                continue
            self.version = version
            if commit["kind"] == "partition":
                self._replace(PartitionRecord.from_metadata(commit))
            elif commit["kind"] == "reading":
                self._note(Reading.model_validate_json(commit["reading"]))

    def _replace(self, record: PartitionRecord) -> None:
        self.partitions[record.partition] = record
        self.empty.discard(record.partition)
        if record.cause != "new":
            self.replaced.append(record)

    def _note(self, reading: Reading) -> None:
        self.empty.update(reading.empty)
        for partition in reading.unchanged:
            record = self.partitions[partition]
            as_of = max(record.as_of, reading.as_of)
            changed = {"as_of": as_of, "preprocessing": reading.preprocessing}
            self.partitions[partition] = record.model_copy(update=changed)
