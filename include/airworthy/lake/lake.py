"""A model's lake: its partitions, their records, what was quarantined, what the source restated.

``<root>/<model>/data``        the declared columns, one Delta partition per UTC day
``<root>/<model>/quarantine``  rows that could not be used, as JSON, with the reason

Rows that are scored and come from a source of their own are in a lake of the same kind below ``<root>/<model>``.

One commit replaces one partition, and carries its record (see `records`). Restatements are read from those very
commits, so none can be lost. Nothing expires: every dataset version stays readable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

import polars as pl
from deltalake import DeltaTable

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.features import polars_schema
from airworthy.handover import DatasetRef
from airworthy.lake import delta
from airworthy.lake.partition_records import PartitionRecord, Reading, Records
from airworthy.spec.model_spec import PARTITION

T = TypeVar("T")
QUARANTINE_SCHEMA: dict[str, pl.DataType] = {
    "reason": pl.String(), "row": pl.String(), "read_at": pl.Datetime("us", "UTC"), PARTITION: pl.String(),
}  # fmt: skip


def open_lake(environment: Environment, model: str, part: str = "") -> Lake:
    """Return a model's lake in an environment, or that of a part; nothing is made before the first write."""
    return Lake(environment.lake, model, part)


class Lake:
    """One model's tables below a root: a local folder, or an address that delta-rs knows (``s3://`` by ``AWS_*``)."""

    def __init__(self, root: str, model: str, part: str = "") -> None:
        """Name the tables; those of a part are in a folder of its own."""
        self.model = model
        home = f"{root.rstrip('/')}/{model}{part and f'/{part}'}"
        self.data_uri, self.quarantine_uri = f"{home}/data", f"{home}/quarantine"
        self._records = Records()
        self._table: DeltaTable | None = None
        self._pinned = lru_cache(maxsize=4)(self._pin)

    def refresh(self) -> Records:
        """Return the records as they stand now; only commits made since the last call are read.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        self._table = delta.open_table(self.data_uri)
        if self._table is not None:
            self._catch_up(self._table)
        return self._records

    def partitions(self) -> dict[str, PartitionRecord]:
        """Return every partition's record, by partition (``2026-01-31``), in order of time."""
        return dict(sorted(self.refresh().partitions.items()))

    def replace(
        self, rows: pl.DataFrame, quarantine: pl.DataFrame, record: PartitionRecord
    ) -> PartitionRecord:
        """Replace one partition, unless another writer has meanwhile put the same or later knowledge there.

        Args:
            rows: Conformed rows.
            quarantine: Columns `reason` and `row`.
            record: The new partition's record; cause, previous content and version are filled in here.

        Returns:
            The record that stands afterwards.

        Raises:
            TerminalError: when a column that the table has is declared with another type.
            TransientError: when the lake cannot be reached, or others kept committing first.
        """
        self._replace_quarantine(quarantine, record)

        def attempt() -> PartitionRecord:
            if self._table is None:
                self._table = delta.open_or_create(
                    self.data_uri, {**rows.schema, PARTITION: pl.String()}
                )
            self._catch_up(self._table)
            current = self._records.partitions.get(record.partition)
            if current is not None and _as_good(current, record):
                return current
            self._refuse_changed_types(self._table, rows)
            new = _following(record, current, self._table.version() + 1)
            delta.replace_partition(self._table, rows, record.partition, new.metadata())
            self._records.add([new.metadata()])
            return new

        return self._persist(attempt)

    def note(self, reading: Reading) -> None:
        """Record that partitions were read again and had not changed, or that the source had nothing for a day.

        Raises:
            TransientError: when the lake cannot be reached, or others kept committing first.
        """

        def attempt() -> None:
            table = delta.open_table(self.data_uri)
            if table is not None:
                delta.commit_note(table, reading.metadata(table.version() + 1))

        self._persist(attempt)

    def read_partition(self, dataset: DatasetRef, day: date) -> pl.DataFrame:
        """Return one day's rows of a dataset version, sorted by key; no rows when the dataset lacks that day."""
        files, columns, _ = self._pinned(dataset.version)
        found = files.get(day.isoformat(), []) if day.isoformat() in dataset.partitions else []
        return self._frame(found, columns).collect()

    def scan(
        self, dataset: DatasetRef, start: datetime | None = None, end: datetime | None = None
    ) -> pl.LazyFrame:
        """Return the rows of a dataset version with event time in ``[start, end)``, by partition, then by key.

        Later commits do not change what this gives. Only the partitions concerned are opened.

        Args:
            dataset: What `ingest` handed over.
            start: UTC; None: from the dataset's first row.
            end: UTC, exclusive; None: to its last.
        """
        files, columns, event_time = self._pinned(dataset.version)
        first = start.astimezone(UTC).date().isoformat() if start else ""
        last = (
            (end.astimezone(UTC) - timedelta(microseconds=1)).date().isoformat() if end else "9999"
        )
        wanted = [day for day in sorted(dataset.partitions) if first <= day <= last]
        frame = self._frame([path for day in wanted for path in files.get(day, [])], columns)
        if start is not None:
            frame = frame.filter(pl.col(event_time) >= start)
        return frame if end is None else frame.filter(pl.col(event_time) < end)

    def quarantine(self) -> pl.DataFrame:
        """Return the rows that could not be used: reason, row (JSON), read_at, partition."""
        table = delta.open_table(self.quarantine_uri)
        if table is None:
            return pl.DataFrame(schema=QUARANTINE_SCHEMA)
        parts = [
            pl.scan_parquet(paths, glob=False, hive_partitioning=False).with_columns(
                pl.lit(day).alias(PARTITION)
            )
            for day, paths in delta.files_by_partition(table).items()
        ]
        with delta.explained(self.quarantine_uri):
            return pl.concat(
                [pl.LazyFrame(schema=QUARANTINE_SCHEMA), *parts], how="vertical"
            ).collect()

    def restatements(self) -> pl.DataFrame:
        """Return every replacement of a partition by other content, in the order in which they were made."""
        fields = (
            "partition",
            "cause",
            "previous_digest",
            "digest",
            "previous_rows",
            "rows",
            "created",
            "as_of",
        )
        times, counts = ("created", "as_of"), ("previous_rows", "rows")
        kinds = {
            f: pl.Datetime("us", "UTC") if f in times else pl.Int64 if f in counts else pl.String
            for f in fields
        }
        replaced = self.refresh().replaced
        return pl.DataFrame(
            [record.model_dump(include=set(fields)) for record in replaced], schema=kinds
        )

    def schema_of(self, dataset: DatasetRef) -> dict[str, pl.DataType]:
        """Return the columns of a dataset version with their Polars types."""
        return self._pinned(dataset.version)[1]

    def _catch_up(self, table: DeltaTable) -> None:
        behind = table.version() - self._records.version
        if behind <= 0:
            return
        newest = delta.history(table, behind)
        known = self._records.version + 1
        complete = newest and int(newest[0].get("at_version", 0)) <= known
        # Commits made since the table was opened push the oldest out of the newest `behind`: then read them all.
        self._records.add(newest if complete else delta.history(table))

    def _pin(self, version: int) -> tuple[dict[str, list[str]], dict[str, pl.DataType], str]:
        """Return a version's files by partition, its columns and its event time; cached, as a version never changes."""
        table = delta.open_table(self.data_uri, version)
        if table is None:
            raise TerminalError(
                f"the lake holds no table {self.data_uri}",
                model=self.model,
                received=f"version {version}",
                next_step=f"airworthy stage ingest --model {self.model}",
            )
        files = delta.files_by_partition(table)
        records = Records()
        records.add(delta.history(table), up_to=version)
        newest = max(records.partitions.values(), key=lambda record: record.version)
        columns = polars_schema(newest.columns)
        return files, columns, newest.event_time

    def _frame(self, files: list[str], columns: dict[str, pl.DataType]) -> pl.LazyFrame:
        if not files:
            return pl.LazyFrame(schema=columns)
        return pl.scan_parquet(
            files, glob=False, hive_partitioning=False, extra_columns="ignore"
        ).select(*columns)

    def _refuse_changed_types(self, table: DeltaTable, rows: pl.DataFrame) -> None:
        held = {
            field.name: str(field.type.type)
            for field in table.schema().fields
            if hasattr(field.type, "type")
        }
        wanted = {name: _DELTA_TYPES[kind.base_type()] for name, kind in rows.schema.items()}
        changed = [
            f"{name}: {held[name]} -> {kind}"
            for name, kind in wanted.items()
            if held.get(name, kind) != kind
        ]
        if changed:
            raise TerminalError(
                "columns that the lake already holds are declared with another type",
                model=self.model,
                stage="ingest",
                received=", ".join(changed),
                allowed="the type they have; a new column may be added and one be left out at any time",
                next_step="give the column a new name, or move the lake's folder of this model away",
            )

    def _replace_quarantine(self, quarantine: pl.DataFrame, record: PartitionRecord) -> None:
        """Written before the data commit: a crash in between leaves rows that the next run replaces."""
        frame = quarantine.with_columns(
            read_at=pl.lit(record.created, dtype=pl.Datetime("us", "UTC"))
        )

        def attempt() -> None:
            previous = self._records.partitions.get(record.partition)
            if frame.is_empty() and (previous is None or previous.quarantined == 0):
                return
            table = delta.open_or_create(self.quarantine_uri, QUARANTINE_SCHEMA)
            delta.replace_partition(table, frame, record.partition, {"partition": record.partition})

        self._persist(attempt)

    def _persist(self, attempt: Callable[[], T]) -> T:
        """Try until no other writer is quicker: each lost race means that someone else's commit went in."""
        for _ in range(delta.ATTEMPTS):
            try:
                return attempt()
            except delta.LostRaceError:
                self._table = None  # what was known is out of date: look again
        raise TransientError(
            f"other writers kept committing to {self.data_uri} first",
            model=self.model,
            stage="ingest",
            received=f"{delta.ATTEMPTS} lost races",
            next_step="run again when the other runs are done",
        )


_DELTA_TYPES: dict[object, str] = {
    pl.Float64: "double", pl.Int64: "long", pl.Boolean: "boolean", pl.String: "string", pl.Datetime: "timestamp",
}  # fmt: skip


def _as_good(current: PartitionRecord, new: PartitionRecord) -> bool:
    """Tell whether what is there came from the same preprocessing and is the same, or was read later."""
    same = current.preprocessing == new.preprocessing
    return same and (
        current.as_of > new.as_of or (current.digest == new.digest and current.as_of == new.as_of)
    )


def _following(
    new: PartitionRecord, current: PartitionRecord | None, version: int
) -> PartitionRecord:
    if current is None:
        return new.model_copy(update={"version": version})
    cause = "restated" if current.preprocessing == new.preprocessing else "preprocessing"
    previous = {"previous_digest": current.digest, "previous_rows": current.rows}
    return new.model_copy(update={"version": version, "cause": cause, **previous})
