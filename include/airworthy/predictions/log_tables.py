"""The Delta tables of the prediction log, partitioned by UTC day.

``<root>/<model>/predictions``, ``<root>/<model>/labels``. Each commit names the writers whose records it holds and how
far, as Delta's application transactions: what is in the table and what is known to be in it cannot part.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from airworthy.environment import Environment
from airworthy.lake import delta
from airworthy.predictions.log_rows import DAY, PREDICTION_COLUMNS, Types
from airworthy.predictions.spool import PREDICTIONS

# These tables get many small commits. Dataset versions stay readable for ever; here, yesterday's files may go once
# they were written together.
_CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
}
_MANY_FILES = 24
_FILE_BYTES = 128 * 1024 * 1024


def table_uri(environment: Environment, model: str, kind: str) -> str:
    """Return the address of a model's table: ``predictions`` or ``labels``."""
    return f"{environment.lake.rstrip('/')}/{model}/{kind}"


def column_types(table: DeltaTable) -> Types:
    """Return a table's columns with their Polars types."""
    return dict(pl.Schema(table.schema().to_arrow()))


def open_or_create(uri: str, columns: Types) -> DeltaTable:
    """Open a table of the log; make it when there is none. Columns for a version's inputs come with its first rows.

    Raises:
        LostRaceError: when another collector made it at the same time.
        TransientError: when the lake cannot be reached.
    """
    return delta.open_or_create(uri, columns, partition_by=DAY, configuration=_CONFIGURATION)


def append(table: DeltaTable, rows: pl.DataFrame, positions: Mapping[str, int]) -> None:
    """Append rows in one atomic commit at the version after `table`'s, with how far each writer is read by then.

    Raises:
        LostRaceError: when another collector committed first; nothing was changed.
        TransientError: when the lake cannot be reached.
    """
    now = int(time.time() * 1000)
    transactions = [Transaction(writer, position, now) for writer, position in positions.items()]
    with delta.explained(table.table_uri):
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode="merge",
            commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=0),
        )


def tidy(uri: str) -> None:
    """Write the small files of a day together where there are many, and remove what was so replaced a day ago.

    Raises:
        LostRaceError: when another collector did the same; nothing was changed.
        TransientError: when the lake cannot be reached.
    """
    table = delta.open_table(uri)
    if table is None:
        return
    with delta.explained(uri):
        files = pl.DataFrame(table.get_add_actions(flatten=True))
        small = files.filter(pl.col("size_bytes") < _FILE_BYTES // 2)
        counts = Counter(small[f"partition.{DAY}"].to_list())
        crowded = [day for day, count in counts.items() if count >= _MANY_FILES]
        for day in crowded:
            table.optimize.compact(
                partition_filters=[(DAY, "=", day)], target_size=_FILE_BYTES, max_concurrent_tasks=1
            )
        if crowded:
            table.vacuum(dry_run=False)


def scan_days(uri: str, first: str, last: str) -> pl.LazyFrame | None:
    """Return a table's rows of the days `first` to `last`, both included; None when there is no table.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    table = delta.open_table(uri)
    if table is None:
        return None
    with delta.explained(uri):
        return pl.scan_delta(table).filter(pl.col(DAY).is_between(pl.lit(first), pl.lit(last)))


def scan_predictions(
    environment: Environment, model: str, start: datetime, end: datetime
) -> pl.LazyFrame:
    """Return the collected predictions that were answered in ``[start, end)``, UTC; only their days are opened.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    days = [
        moment.astimezone(UTC).date().isoformat()
        for moment in (start, end - timedelta(microseconds=1))
    ]
    found = scan_days(table_uri(environment, model, PREDICTIONS), *days)
    if found is None:
        return pl.LazyFrame(schema=PREDICTION_COLUMNS)
    return found.filter(pl.col("time") >= start, pl.col("time") < end)
