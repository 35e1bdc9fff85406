"""Delta tables through delta-rs: opening, creating, and committing so that two writers can never both win.

A commit is tried exactly once, at the version after the one that was looked at. If another writer was quicker, nothing
was written, and the caller looks again before it decides again: plain optimistic concurrency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Schema,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    SchemaMismatchError,
    TableNotFoundError,
)

from airworthy.errors import TerminalError, TransientError
from airworthy.spec.model_spec import PARTITION

# Commits are the lake's memory: they, and the files of older versions, must never expire.
CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}
ONE_FILE = 1 << 40
ATTEMPTS = 25


class LostRaceError(Exception):
    """Another writer committed first."""


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what delta-rs raises into the two kinds of error that Airworthy knows.

    Raises:
        LostRaceError: when another writer committed first.
        TerminalError: when the table has another schema.
        TransientError: when the table cannot be reached, is locked, or fails otherwise.
    """
    try:
        yield
    except CommitFailedError as error:
        raise LostRaceError from error
    except SchemaMismatchError as error:
        raise TerminalError(f"the table {uri} has another schema", received=error) from error
    except (DeltaError, OSError, pl.exceptions.ComputeError) as error:
        raise TransientError(
            f"the lake cannot be used at {uri}",
            received=f"{type(error).__name__}: {error}",
            next_step="check that the address exists, can be written to and is not full, then run again",
        ) from error


def open_table(uri: str, version: int | None = None) -> DeltaTable | None:
    """Open a table, now or as it was at a version; None when there is none."""
    with explained(uri):
        try:
            return DeltaTable(uri, version=version)
        except TableNotFoundError:
            return None


def open_or_create(
    uri: str,
    schema: Mapping[str, pl.DataType],
    partition_by: str = PARTITION,
    configuration: dict[str, str | None] = CONFIGURATION,
) -> DeltaTable:
    """Open a table; make it, partitioned by one column, when there is none."""
    table = open_table(uri)
    if table is not None:
        return table
    arrow = pl.DataFrame(schema=dict(schema)).to_arrow().schema
    with explained(uri):
        try:
            return DeltaTable.create(
                uri,
                schema=Schema.from_arrow(arrow),
                partition_by=[partition_by],
                configuration=configuration,
                commit_properties=CommitProperties(
                    custom_metadata={"kind": "created"}, max_commit_retries=0
                ),
            )
        except DeltaError as error:
            if DeltaTable.is_deltatable(uri):  # another writer made it since
                raise LostRaceError from error
            raise


def replace_partition(
    table: DeltaTable, frame: pl.DataFrame, partition: str, metadata: dict[str, str]
) -> None:
    """Replace one partition's rows in one atomic commit at the version after `table`'s.

    Raises:
        LostRaceError: when another writer committed first; nothing was changed.
    """
    with explained(table.table_uri):
        write_deltalake(
            table,
            frame.with_columns(pl.lit(partition).alias(PARTITION)),
            mode="overwrite",
            schema_mode="merge",
            predicate=f"{PARTITION} = '{partition}'",
            target_file_size=ONE_FILE,
            writer_properties=WriterProperties(compression="ZSTD", compression_level=1),
            commit_properties=CommitProperties(custom_metadata=metadata, max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )


def commit_note(table: DeltaTable, metadata: dict[str, str]) -> None:
    """Commit metadata alone, without a row.

    Raises:
        LostRaceError: when another writer committed first; nothing was changed.
    """
    with explained(table.table_uri):
        table.create_write_transaction(
            actions=[],
            mode="append",
            schema=table.schema(),
            partition_by=[PARTITION],
            commit_properties=CommitProperties(custom_metadata=metadata, max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )


def history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the newest commits, oldest first.

    delta-rs numbers them down from the opened table's version, yet lists those made since as well: their `version`
    does not hold. Writers put the version that they commit at into the metadata, as `at_version`.
    """
    with explained(table.table_uri):
        return list(reversed(table.history(limit)))


def files_by_partition(table: DeltaTable) -> dict[str, list[str]]:
    """Return a table's files by partition, in order, as Polars takes them: local paths without percent-encoding."""
    files: dict[str, list[str]] = {}
    for uri in sorted(table.file_uris()):
        path = uri if "://" in uri else unquote(uri)
        files.setdefault(path.rsplit(f"{PARTITION}=", 1)[1].split("/", 1)[0], []).append(path)
    return files
