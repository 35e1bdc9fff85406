"""The tables of batch predictions, one Delta partition per UTC day of the rows' event times.

``<root>/<model>/batch_predictions``  one row per prediction
``<root>/<model>/batch_quarantine``   unscorable rows as JSON, with the reason

Their columns are in `score_rows`. One commit replaces one partition and stores its
`ScoredPartition`. Nothing expires: a replaced prediction can still be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import polars as pl
from deltalake import DeltaTable

from airworthy.batch_scoring.score_rows import COLUMNS, QUARANTINE_COLUMNS
from airworthy.batch_scoring.scored_partition import KIND, ScoredPartition
from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.handover import Window
from airworthy.lake import delta
from airworthy.predictions.log_tables import column_types, table_uri
from airworthy.spec.ingest_part import PARTITION

Result = TypeVar("Result")


class BatchPredictions:
    """One model's tables in an environment. They are created at the first write."""

    def __init__(self, environment: Environment, model: str) -> None:
        """Set the tables' URIs."""
        self.model = model
        self.uri = table_uri(environment, model, "batch_predictions")
        self.quarantine_uri = table_uri(environment, model, "batch_quarantine")

    def history(self) -> list[ScoredPartition]:
        """Return every partition ever written, oldest first.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri)
        return [] if table is None else _records(table)

    def partitions(self) -> dict[str, ScoredPartition]:
        """Return the present partitions, by day (``2026-01-31``).

        Raises:
            TransientError: when the lake cannot be reached.
        """
        return {record.partition: record for record in self.history()}

    def column_types(self) -> dict[str, pl.DataType]:
        """Return the table's columns with their types. A missing table has the `COLUMNS`.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri)
        return dict(COLUMNS) if table is None else column_types(table)

    def replace(
        self, rows: pl.DataFrame, quarantine: pl.DataFrame, record: ScoredPartition
    ) -> ScoredPartition:
        """Replace one partition, unless it is current.

        A partition is current after a later run, or after this version scored the same rows.

        Args:
            rows: The rows of `prediction_rows`.
            quarantine: The rows of `quarantined_rows`.
            record: The new partition's record. Its cause, previous values and version are set here.

        Returns:
            The partition's present record.

        Raises:
            TransientError: when the lake cannot be reached, or others kept committing first.
        """

        def attempt() -> ScoredPartition:
            # A commit of another run after this read makes the replacement fail and try again.
            table = delta.open_or_create(self.uri, {**rows.schema, PARTITION: pl.String()})
            current = {old.partition: old for old in _records(table)}.get(record.partition)
            if current is not None and is_current(current, record):
                return current
            # Written before the predictions: after a crash in between, the next run replaces it.
            self._replace_quarantine(quarantine, record.partition)
            new = record.replacing(current, table.version() + 1)
            delta.replace_partition(table, rows, record.partition, new.metadata())
            return new

        return self._retry(attempt)

    def scan(self, window: Window) -> pl.LazyFrame:
        """Return the predictions of a window's days.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri)
        if table is None:
            return pl.LazyFrame(schema={**COLUMNS, PARTITION: pl.String()})
        days = [day.isoformat() for day in window.days]
        with delta.delta_errors(self.uri):
            return delta.scan(table).filter(
                pl.col(PARTITION).is_between(pl.lit(days[0]), pl.lit(days[-1]))
            )

    def row(self, record: ScoredPartition, row: int) -> dict[str, object] | None:
        """Return one row of a partition as written, also of a replaced one. None without the row.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri, record.version)
        files = [] if table is None else delta.files_by_partition(table).get(record.partition, [])
        if not files:
            return None
        with delta.delta_errors(self.uri):
            rows = delta.scan_files(self.uri, files)
            matches = rows.filter(
                pl.col("row") == row, pl.col("request_id") == record.request_id
            ).collect()
        return matches.row(0, named=True) if matches.height else None

    def quarantine(self) -> pl.DataFrame:
        """Return the unscorable rows.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.quarantine_uri)
        if table is None:
            return pl.DataFrame(schema={**QUARANTINE_COLUMNS, PARTITION: pl.String()})
        with delta.delta_errors(self.quarantine_uri):
            return delta.scan(table).collect()

    def _replace_quarantine(self, quarantine: pl.DataFrame, day: str) -> None:
        # The rows may be those of a killed run, without a record.
        existing = delta.open_table(self.quarantine_uri)
        if quarantine.is_empty() and (
            existing is None or day not in delta.files_by_partition(existing)
        ):
            return
        table = existing or delta.open_or_create(
            self.quarantine_uri, {**QUARANTINE_COLUMNS, PARTITION: pl.String()}
        )
        delta.replace_partition(table, quarantine, day, {"partition": day})

    def _retry(self, attempt: Callable[[], Result]) -> Result:
        for _ in range(delta.ATTEMPTS):
            try:
                return attempt()
            except delta.LostRaceError:
                continue  # another run committed: read the table again
        raise TransientError(
            f"other runs kept committing to {self.uri} first",
            model=self.model,
            stage="score",
            received=f"{delta.ATTEMPTS} lost races",
            next_step="run again when the other runs are done",
        )


def _records(table: DeltaTable) -> list[ScoredPartition]:
    commits = delta.history(table)
    return [
        ScoredPartition.from_metadata(commit) for commit in commits if commit.get("kind") == KIND
    ]


def is_current(current: ScoredPartition, new: ScoredPartition) -> bool:
    """Tell whether the present partition stays: it is the same, or a later run wrote it."""
    return current.is_same_scoring(new) or current.resolved_at > new.resolved_at
