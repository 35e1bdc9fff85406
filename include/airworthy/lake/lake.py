"""A model's lake: its partitions and their records, the quarantine and the restatements.

``<root>/<model>/data``        the declared columns, one Delta partition per UTC day
``<root>/<model>/quarantine``  unusable rows, as JSON, with the reason

The rows of a separate source of batch scoring are in a second lake below ``<root>/<model>``, and those
of a version that another environment trained in one below ``<root>/<model>/promoted``.

One commit replaces one partition and carries its record (see `partition_records`). Restatements are
read from these commits, so none can be lost. Nothing expires: every dataset version stays readable.
The rows of a partition are checked against the digest in its record before anybody gets them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

import polars as pl
from deltalake import DeltaTable

from airworthy.days import DAY, midnight
from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import DatasetRef
from airworthy.lake import delta
from airworthy.lake.partition_records import PartitionRecord, Reading, Records
from airworthy.lake.promoted_parts import is_promoted, part_of_table
from airworthy.lake.verified_partitions import (
    PinnedVersion,
    in_columns,
    read_verified,
    rows_of_files,
)
from airworthy.spec.ingest_part import PARTITION

T = TypeVar("T")
QUARANTINE_SCHEMA: dict[str, pl.DataType] = {
    "reason": pl.String(), "row": pl.String(), "read_at": pl.Datetime("us", "UTC"), PARTITION: pl.String(),
}  # fmt: skip


def open_lake(environment: Environment, model: str, part: str = "") -> Lake:
    """Return a model's lake in an environment; the first write creates its tables.

    Args:
        environment: Gives the root of the lake.
        model: The model.
        part: The subfolder of a further lake of the model; empty: its lake of training rows.
    """
    return Lake(environment.lake, model, part)


def open_dataset_lake(environment: Environment, dataset: DatasetRef) -> Lake:
    """Return the lake with the rows of a dataset version: the model's, or a promoted version's.

    Args:
        environment: Gives the root of the lake.
        dataset: The dataset version.
    """
    return open_lake(environment, dataset.model, part_of_table(dataset.model, dataset.table))


class Lake:
    """One model's tables below a root: a folder, or ``s3://bucket/prefix``."""

    def __init__(self, root: str, model: str, part: str = "") -> None:
        """Keep the addresses of the tables.

        Args:
            root: The root of all models' lakes.
            model: The model.
            part: A subfolder of the model's folder; empty: none.
        """
        self.model, self.is_training, self.part = model, not part, part
        self._checked: set[tuple[str, ...]] = set()
        folder = f"{root.rstrip('/')}/{model}{part and f'/{part}'}"
        self.data_uri, self.quarantine_uri = f"{folder}/data", f"{folder}/quarantine"
        self._records = Records()
        self._table: DeltaTable | None = None
        self._pinned = lru_cache(maxsize=4)(self._pin)

    def refresh(self) -> Records:
        """Return the current records; only commits since the last call are read.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        self._table = delta.open_table(self.data_uri)
        if self._table is not None:
            self._catch_up(self._table)
        return self._records

    def partitions(self) -> dict[str, PartitionRecord]:
        """Return every partition's record by partition (``2026-01-31``), in order of time."""
        return dict(sorted(self.refresh().partitions.items()))

    def replace(
        self,
        rows: pl.DataFrame,
        quarantine: pl.DataFrame,
        record: PartitionRecord,
        *,
        repair: bool = False,
    ) -> PartitionRecord:
        """Replace one partition, unless another writer has written the same or a later state.

        Args:
            rows: Conformed rows.
            quarantine: Columns `reason` and `row`.
            record: The new record; cause, previous content and version are filled in here.
            repair: Write the state that the record says already: its file is damaged.

        Returns:
            The record of the partition afterwards.

        Raises:
            TerminalError: when a column of the table is declared with another type.
            TransientError: when the lake cannot be reached, or other writers kept committing first.
        """
        self._replace_quarantine(quarantine, record)

        def attempt() -> PartitionRecord:
            if self._table is None:
                self._table = delta.open_or_create(
                    self.data_uri, {**rows.schema, PARTITION: pl.String()}
                )
            self._catch_up(self._table)
            current = self._records.partitions.get(record.partition)
            if current is not None and current.supersedes(record) and not repair:
                return current
            self._widen(self._table, rows.schema)
            new = record.following(current, self._table.version() + 1)
            delta.replace_partition(self._table, rows, record.partition, new.metadata())
            self._records.add([new.metadata()])
            return new

        return self._retry(attempt)

    def _widen(self, table: DeltaTable, schema: pl.Schema) -> None:
        """Give a table the types of the columns to write, and begin anew with the wider table."""
        wider = delta.widened_schema(table, schema, self.model)
        if wider is None:
            return
        version = str(table.version() + 1)
        delta.widen(table, wider, {"kind": "widened", "at_version": version})
        raise delta.LostRaceError

    def note(self, reading: Reading) -> None:
        """Commit a note of partitions read again unchanged, and of days without rows in the source.

        Raises:
            TransientError: when the lake cannot be reached, or other writers kept committing first.
        """

        def attempt() -> None:
            table = delta.open_table(self.data_uri)
            if table is not None:
                delta.commit_note(table, reading.metadata(table.version() + 1))

        self._retry(attempt)

    def read_partition(
        self,
        dataset: DatasetRef,
        day: date,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pl.DataFrame:
        """Return one day's rows of a dataset version, sorted by key, if it has that day.

        Args:
            dataset: The dataset version.
            day: The UTC day.
            start: Only rows from this event time on, if it is within the day.
            end: Only rows before this event time, if it is within the day.

        Raises:
            TerminalError: when the day does not hold what was written.
            TransientError: when the lake cannot be reached.
        """
        pinned = self._pinned(dataset.version)
        event_time = pl.col(pinned.event_time)
        if day.isoformat() not in dataset.partitions:
            return pl.DataFrame(schema=pinned.columns)
        frame = in_columns(read_verified(pinned, dataset, day.isoformat()), pinned.columns)
        if start is not None and start > midnight(day):
            frame = frame.filter(event_time >= start)
        if end is not None and end < midnight(day) + DAY:
            frame = frame.filter(event_time < end)
        return frame

    def stored_days(self, dataset: DatasetRef) -> list[PartitionRecord]:
        """Return the records of a dataset version's days, in the order in which they were written.

        Raises:
            TerminalError: when there is no such version.
            TransientError: when the lake cannot be reached.
        """
        records = self._pinned(dataset.version).records
        of_dataset = [records[day] for day in dataset.partitions if day in records]
        return sorted(of_dataset, key=lambda record: record.version)

    def stored_rows(self, dataset: DatasetRef, day: str) -> pl.DataFrame:
        """Return all rows of one day of a dataset version, with the columns that it was written with.

        Args:
            dataset: The dataset version.
            day: One of its partitions (``2026-01-31``).

        Raises:
            TerminalError: when the day does not hold what was written.
            TransientError: when the lake cannot be reached.
        """
        return read_verified(self._pinned(dataset.version), dataset, day)

    def rows_at(self, version: int, day: date) -> pl.DataFrame | None:
        """Return one day's rows at a Delta version of the table; None: they are gone, or damaged.

        Raises:
            TerminalError: when there is no such version.
            TransientError: when the lake cannot be reached.
        """
        pinned, partition = self._pinned(version), day.isoformat()
        record = pinned.records.get(partition)
        if record is None:
            return None
        return rows_of_files(pinned.uri, pinned.files.get(partition, []), record)

    def current_rows(self, record: PartitionRecord) -> pl.DataFrame | None:
        """Return the rows of a partition as they are now, or None when they are damaged.

        They have the columns of the record.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.data_uri)
        files = delta.files_by_partition(table).get(record.partition, []) if table else []
        return rows_of_files(self.data_uri, files, record)

    def damaged(self, dataset: DatasetRef) -> list[TerminalError]:
        """Return an error for each day of a dataset version that does not hold what was written.

        All of its rows are read.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        pinned = self._pinned(dataset.version)
        return [
            error
            for day in sorted(dataset.partitions)
            if (error := _damage(pinned, dataset, day)) is not None
        ]

    def scan(
        self, dataset: DatasetRef, start: datetime | None = None, end: datetime | None = None
    ) -> pl.LazyFrame:
        """Return the rows of a dataset version with event time in ``[start, end)``.

        They are ordered by partition, then by key. Later commits do not change the result. Only the
        partitions of this time are opened. Each is read and checked once before the scan.

        Args:
            dataset: The output of the ingest stage.
            start: UTC; None: from the dataset's first row.
            end: UTC, exclusive; None: to its last.

        Raises:
            TerminalError: when one of the days does not hold what was written.
            TransientError: when the lake cannot be reached.
        """
        pinned = self._pinned(dataset.version)
        event_time = pl.col(pinned.event_time)
        first = start.astimezone(UTC).date().isoformat() if start else ""
        last = (
            (end.astimezone(UTC) - timedelta(microseconds=1)).date().isoformat() if end else "9999"
        )
        days = [day for day in sorted(dataset.partitions) if first <= day <= last]
        for day in days:
            self._check_once(pinned, dataset, day)
        paths = [path for day in days for path in pinned.files.get(day, [])]
        frame = self._frame(paths, pinned.columns)
        if start is not None:
            frame = frame.filter(event_time >= start)
        return frame if end is None else frame.filter(event_time < end)

    def quarantine(self) -> pl.DataFrame:
        """Return the unusable rows: reason, row (JSON), read_at, partition."""
        table = delta.open_table(self.quarantine_uri)
        if table is None:
            return pl.DataFrame(schema=QUARANTINE_SCHEMA)
        parts = [
            delta.scan_files(self.quarantine_uri, paths).with_columns(pl.lit(day).alias(PARTITION))
            for day, paths in delta.files_by_partition(table).items()
        ]
        with delta.delta_errors(self.quarantine_uri):
            return pl.concat(
                [pl.LazyFrame(schema=QUARANTINE_SCHEMA), *parts], how="vertical"
            ).collect()

    def restatements(self) -> pl.DataFrame:
        """Return every replacement of a partition by other content, in order of the commits."""
        return self.refresh().restatements()

    def schema_of(self, dataset: DatasetRef) -> dict[str, pl.DataType]:
        """Return the columns of a dataset version with their Polars types."""
        return self._pinned(dataset.version).columns

    def _check_once(self, pinned: PinnedVersion, dataset: DatasetRef, day: str) -> None:
        key = (day, dataset.partitions[day], *pinned.files.get(day, []))
        if key not in self._checked:
            read_verified(pinned, dataset, day)
            self._checked.add(key)

    def _catch_up(self, table: DeltaTable) -> None:
        behind = table.version() - self._records.version
        if behind <= 0:
            return
        newest = delta.history(table, behind)
        next_version = self._records.version + 1
        complete = newest and int(newest[0].get("at_version", 0)) <= next_version
        # Commits since the table was opened push the oldest out of the newest `behind`: read all
        # then.
        self._records.add(newest if complete else delta.history(table))

    def _pin(self, version: int) -> PinnedVersion:
        """Return a version of the table, cached.

        A promoted version's rows never change. A repair writes the same rows again, so the table's
        newest version has them whole.
        """
        promoted = is_promoted(self.part)
        table = delta.open_table(self.data_uri, None if promoted else version)
        if table is None:
            raise TerminalError(
                f"the lake holds no table {self.data_uri}",
                model=self.model,
                received=f"version {version}",
                next_step=f"airworthy stage ingest --model {self.model}",
            )
        files = delta.files_by_partition(table)
        records = Records()
        records.add(delta.history(table), up_to=table.version() if promoted else version)
        command = f"airworthy {'run' if self.is_training else 'score'} {self.model}"
        if promoted:
            command = f"airworthy promote {self.model}/VERSION"
        return PinnedVersion(self.data_uri, command, files, records.partitions)

    def _frame(self, files: list[str], columns: dict[str, pl.DataType]) -> pl.LazyFrame:
        if not files:
            return pl.LazyFrame(schema=columns)
        # A file may be older than a column, or than a column's wider type.
        return delta.scan_files(
            self.data_uri,
            files,
            schema=columns,
            missing_columns="insert",
            extra_columns="ignore",
            cast_options=pl.ScanCastOptions(integer_cast="allow-float"),
        ).select(*columns)

    def _replace_quarantine(self, quarantine: pl.DataFrame, record: PartitionRecord) -> None:
        """Write the quarantine, before the data: after a crash, the next run replaces it."""
        frame = quarantine.with_columns(
            read_at=pl.lit(record.created, dtype=pl.Datetime("us", "UTC"))
        )

        def attempt() -> None:
            previous = self._records.partitions.get(record.partition)
            if frame.is_empty() and (previous is None or previous.quarantined == 0):
                return
            table = delta.open_or_create(self.quarantine_uri, QUARANTINE_SCHEMA)
            delta.replace_partition(table, frame, record.partition, {"partition": record.partition})

        self._retry(attempt)

    def _retry(self, attempt: Callable[[], T]) -> T:
        """Retry after each lost race: another writer's commit succeeded."""
        for _ in range(delta.ATTEMPTS):
            try:
                return attempt()
            except delta.LostRaceError:
                self._table = None  # out of date: open it again
        raise TransientError(
            f"other writers kept committing to {self.data_uri} first",
            model=self.model,
            stage="ingest",
            received=f"{delta.ATTEMPTS} lost races",
            next_step="run again when the other runs are done",
        )


def _damage(pinned: PinnedVersion, dataset: DatasetRef, day: str) -> TerminalError | None:
    try:
        read_verified(pinned, dataset, day)
    except TerminalError as error:
        return error
    return None
