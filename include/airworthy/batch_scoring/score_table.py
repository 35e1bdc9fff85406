"""The tables of batch predictions, one Delta partition per UTC day of the rows' event times.

``<root>/<model>/batch_predictions``  one row per prediction
``<root>/<model>/batch_quarantine``   rows that could not be scored, as JSON, with the reason

What they hold is in `rows`. One commit replaces one partition and carries its `ScoredPartition`. Nothing expires: a
prediction that was replaced can still be traced.
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
from airworthy.spec.model_spec import PARTITION

T = TypeVar("T")


class BatchPredictions:
    """One model's tables in an environment; nothing is made before the first write."""

    def __init__(self, environment: Environment, model: str) -> None:
        """Name the tables."""
        self.model = model
        self.uri = table_uri(environment, model, "batch_predictions")
        self.quarantine_uri = table_uri(environment, model, "batch_quarantine")

    def history(self) -> list[ScoredPartition]:
        """Return every partition that was ever written, oldest first.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri)
        return [] if table is None else _records(table)

    def partitions(self) -> dict[str, ScoredPartition]:
        """Return every partition as it stands, by day (``2026-01-31``).

        Raises:
            TransientError: when the lake cannot be reached.
        """
        return {record.partition: record for record in self.history()}

    def column_types(self) -> dict[str, pl.DataType]:
        """Return the columns that the table has, with their types; those it begins with when there is none.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri)
        return dict(COLUMNS) if table is None else column_types(table)

    def replace(
        self, rows: pl.DataFrame, quarantine: pl.DataFrame, record: ScoredPartition
    ) -> ScoredPartition:
        """Replace one partition, unless it stands: a later run, or this version over the same rows, was quicker.

        Args:
            rows: As `prediction_rows` makes them.
            quarantine: As `quarantined_rows` makes them.
            record: The new partition's record; cause, what it replaces and version are filled in here.

        Returns:
            The record that stands afterwards.

        Raises:
            TransientError: when the lake cannot be reached, or others kept committing first.
        """

        def attempt() -> ScoredPartition:
            # Committed to as it was looked at: what another run commits in between makes this one look again.
            table = delta.open_or_create(self.uri, {**rows.schema, PARTITION: pl.String()})
            current = {each.partition: each for each in _records(table)}.get(record.partition)
            if current is not None and stands(current, record):
                return current
            # Written before the predictions: a crash in between leaves rows that the next run replaces.
            self._replace_quarantine(quarantine, record.partition)
            new = record.follows(current, table.version() + 1)
            delta.replace_partition(table, rows, record.partition, new.metadata())
            return new

        return self._persist(attempt)

    def scan(self, window: Window) -> pl.LazyFrame:
        """Return the predictions of a window's days.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri)
        if table is None:
            return pl.LazyFrame(schema={**COLUMNS, PARTITION: pl.String()})
        days = [day.isoformat() for day in window.days]
        with delta.explained(self.uri):
            return pl.scan_delta(table).filter(
                pl.col(PARTITION).is_between(pl.lit(days[0]), pl.lit(days[-1]))
            )

    def row(self, record: ScoredPartition, row: int) -> dict[str, object] | None:
        """Return one row of a partition as it was written, replaced since or not; None when it has no such row.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.uri, record.version)
        files = [] if table is None else delta.files_by_partition(table).get(record.partition, [])
        if not files:
            return None
        with delta.explained(self.uri):
            rows = pl.scan_parquet(files, glob=False, hive_partitioning=False)
            found = rows.filter(
                pl.col("row") == row, pl.col("request_id") == record.request_id
            ).collect()
        return found.row(0, named=True) if found.height else None

    def quarantine(self) -> pl.DataFrame:
        """Return the rows that could not be scored.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        table = delta.open_table(self.quarantine_uri)
        if table is None:
            return pl.DataFrame(schema={**QUARANTINE_COLUMNS, PARTITION: pl.String()})
        with delta.explained(self.quarantine_uri):
            return pl.scan_delta(table).collect()

    def _replace_quarantine(self, quarantine: pl.DataFrame, day: str) -> None:
        # What is there may be a killed run's, which no record tells of.
        held = delta.open_table(self.quarantine_uri)
        if quarantine.is_empty() and (held is None or day not in delta.files_by_partition(held)):
            return
        table = held or delta.open_or_create(
            self.quarantine_uri, {**QUARANTINE_COLUMNS, PARTITION: pl.String()}
        )
        delta.replace_partition(table, quarantine, day, {"partition": day})

    def _persist(self, attempt: Callable[[], T]) -> T:
        for _ in range(delta.ATTEMPTS):
            try:
                return attempt()
            except delta.LostRaceError:
                continue  # another run committed: look again at what is there
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


def stands(current: ScoredPartition, new: ScoredPartition) -> bool:
    """Tell whether what is there stays: it is the same, or a run that began later wrote it."""
    return current.scores_the_same(new) or current.resolved_at > new.resolved_at
