"""The Delta tables of the prediction log, partitioned by UTC day.

The tables are ``<root>/<model>/predictions`` and ``<root>/<model>/labels``. Each commit stores its
records together with their writers' positions, as Delta's application transactions. Rows and
positions cannot disagree.
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

# These tables get many small commits. Dataset versions stay readable for ever. The files here may
# be removed a day after their compaction.
_CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
}
_MANY_FILES = 24
_FILE_BYTES = 128 * 1024 * 1024


def table_uri(environment: Environment, model: str, kind: str) -> str:
    """Return the URI of a model's table.

    Args:
        environment: The environment with the lake.
        model: The model's name.
        kind: The table's name, such as ``predictions`` or ``labels``.
    """
    return f"{environment.lake.rstrip('/')}/{model}/{kind}"


def column_types(table: DeltaTable) -> Types:
    """Return a table's columns with their Polars types."""
    return dict(pl.Schema(table.schema().to_arrow()))


def open_or_create(uri: str, columns: Types) -> DeltaTable:
    """Open a table of the log, or create it. Input columns come with a version's first rows.

    Raises:
        LostRaceError: when another collector created it at the same time.
        TransientError: when the lake cannot be reached.
    """
    return delta.open_or_create(uri, columns, partition_by=DAY, configuration=_CONFIGURATION)


def append(table: DeltaTable, rows: pl.DataFrame, positions: Mapping[str, int]) -> None:
    """Append rows and their writers' positions in one atomic commit: the next version of `table`.

    Args:
        table: The table, at its latest version.
        rows: The rows to append.
        positions: The position of each writer after these rows.

    Raises:
        LostRaceError: when another collector committed first. Nothing was changed.
        TransientError: when the lake cannot be reached.
    """
    now = int(time.time() * 1000)
    transactions = [Transaction(writer, position, now) for writer, position in positions.items()]
    with delta.delta_errors(table.table_uri):
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode="merge",
            commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=0),
        )


def compact_files(uri: str) -> None:
    """Compact days with many small files. Remove files replaced more than a day ago.

    Raises:
        LostRaceError: when another collector did the same. Nothing was changed.
        TransientError: when the lake cannot be reached.
    """
    table = delta.open_table(uri)
    if table is None:
        return
    with delta.delta_errors(uri):
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
    """Return a table's rows of some days. None without a table.

    Args:
        uri: The table's URI.
        first: The first day, such as ``2026-01-31``.
        last: The last day, inclusive.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    table = delta.open_table(uri)
    if table is None:
        return None
    with delta.delta_errors(uri):
        return delta.scan(table).filter(pl.col(DAY).is_between(pl.lit(first), pl.lit(last)))


def scan_predictions(
    environment: Environment, model: str, start: datetime, end: datetime
) -> pl.LazyFrame:
    """Return the collected predictions of a window. Only the files of its days are read.

    Args:
        environment: The environment with the lake.
        model: The model's name.
        start: The start of the window of answers, UTC.
        end: Its end, UTC, exclusive.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    days = [
        moment.astimezone(UTC).date().isoformat()
        for moment in (start, end - timedelta(microseconds=1))
    ]
    predictions = scan_days(table_uri(environment, model, PREDICTIONS), *days)
    if predictions is None:
        return pl.LazyFrame(schema=PREDICTION_COLUMNS)
    return predictions.filter(pl.col("time") >= start, pl.col("time") < end)
