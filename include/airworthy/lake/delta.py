"""Delta tables through delta-rs: opening, creating, and committing with optimistic concurrency.

A commit is tried exactly once, at the version after the opened one. If another writer was quicker,
nothing was written: the caller reads the table again, and decides again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import (
    CommitProperties,
    DeltaTable,
    Field,
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
from deltalake.schema import PrimitiveType

from airworthy.error_kinds import is_final
from airworthy.errors import TerminalError, TransientError
from airworthy.lake.table_folders import plain_folder, refuse_unusable_folder
from airworthy.object_store import (
    delta_options,
    is_refusal,
    local_folder,
    polars_options,
    reason,
    store_error,
)
from airworthy.spec.ingest_part import PARTITION

# The lake's records are in its commits: they, and the files of older versions, must never expire.
CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}
ONE_FILE = 1 << 40
_DELTA_TYPES: dict[object, str] = {
    pl.Float64: "double",
    pl.Int64: "long",
    pl.Boolean: "boolean",
    pl.String: "string",
    pl.Datetime: "timestamp",
}
_WIDENING = ("long", "double")
_NO_PARTITION = "none"  # partitions are days
ATTEMPTS = 25


class LostRaceError(Exception):
    """Another writer committed first."""


@contextmanager
def delta_errors(uri: str) -> Iterator[None]:
    """Convert exceptions of delta-rs in the block into terminal and transient errors.

    Raises:
        LostRaceError: when another writer committed first.
        TerminalError: when the table has another schema, when its files may not be used, or when
            the object store refuses.
        TransientError: when the table cannot be reached, is locked, or fails otherwise.
    """
    try:
        yield
    except CommitFailedError as error:
        raise LostRaceError from error
    except SchemaMismatchError as error:
        raise TerminalError(f"the table {uri} has another schema", received=error) from error
    except (DeltaError, OSError, pl.exceptions.ComputeError) as error:
        if is_final(error) if local_folder(uri) else is_refusal(error):
            raise store_error(uri, error) from error
        raise TransientError(
            f"the lake cannot be used at {uri}",
            received=reason(error),
            next_step="check that the address exists, can be written to and is not full, then run "
            "again",
        ) from error


def open_table(uri: str, version: int | None = None) -> DeltaTable | None:
    """Open a table at its newest version, or at `version`; None when there is none."""
    folder = local_folder(uri)
    if folder is not None:
        refuse_unusable_folder(folder)
    with delta_errors(uri):
        try:
            return DeltaTable(uri, version=version, storage_options=delta_options(uri))
        except TableNotFoundError:
            return None


def is_table(uri: str) -> bool:
    """Return whether there is a table at an address."""
    return bool(DeltaTable.is_deltatable(uri, storage_options=delta_options(uri)))


def scan(table: DeltaTable) -> pl.LazyFrame:
    """Return a table's rows at its version."""
    folder = local_folder(table.table_uri)
    if folder is not None and plain_folder(folder) != folder:
        return _scan_linked(table, plain_folder(folder))
    # A table on a disk brings no options. One in an object store is opened by the table itself.
    options = polars_options(table.table_uri).get("storage_options")
    return pl.scan_delta(table, storage_options=options)


def _scan_linked(table: DeltaTable, folder: Path) -> pl.LazyFrame:
    """Return a table's rows, read through another path of its folder."""
    schema = pl.Schema(table.schema())
    days = {name: schema[name] for name in table.metadata().partition_columns}
    paths = [folder / unquote(path) for path in pl.DataFrame(table.get_add_actions())["path"]]
    return pl.scan_parquet(
        paths,
        schema=schema,
        glob=False,
        hive_partitioning=bool(days),
        hive_schema=days or None,
        missing_columns="insert",
        extra_columns="ignore",
    )


def scan_files(uri: str, files: Sequence[str], **options: Any) -> pl.LazyFrame:
    """Return the rows of a table's Parquet files.

    Args:
        uri: The table's address.
        files: Their addresses; a local one has no percent-encoding.
        options: Further arguments of `polars.scan_parquet`.
    """
    return pl.scan_parquet(
        list(files), glob=False, hive_partitioning=False, **polars_options(uri), **options
    )


def open_or_create(
    uri: str,
    schema: Mapping[str, pl.DataType],
    partition_by: str = PARTITION,
    configuration: dict[str, str | None] = CONFIGURATION,
) -> DeltaTable:
    """Open a table; create it when there is none.

    Args:
        uri: The table's address.
        schema: Its columns.
        partition_by: The partition column.
        configuration: Delta's table properties.

    Raises:
        LostRaceError: when another writer created it at the same time.
    """
    table = open_table(uri)
    if table is not None:
        return table
    arrow = pl.DataFrame(schema=dict(schema)).to_arrow().schema
    with delta_errors(uri):
        try:
            return DeltaTable.create(
                uri,
                schema=Schema.from_arrow(arrow),
                partition_by=[partition_by],
                configuration=configuration,
                storage_options=delta_options(uri),
                commit_properties=CommitProperties(
                    custom_metadata={"kind": "created"}, max_commit_retries=0
                ),
            )
        except DeltaError as error:
            if is_table(uri):  # another writer created it meanwhile
                raise LostRaceError from error
            raise


def replace_partition(
    table: DeltaTable, frame: pl.DataFrame, partition: str, metadata: dict[str, str]
) -> None:
    """Replace one partition's rows in one atomic commit at the version after `table`'s.

    Args:
        table: The opened table.
        frame: The rows.
        partition: The partition (``2026-01-31``).
        metadata: The metadata of the commit.

    Raises:
        LostRaceError: when another writer committed first; nothing was changed.
    """
    with delta_errors(table.table_uri):
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


def widened_schema(table: DeltaTable, schema: pl.Schema, model: str) -> Schema | None:
    """Return the table's schema with the integers that are to be numbers with decimals.

    A column may be added, be left out, and become a float. Every other type stays.

    Args:
        table: The opened table.
        schema: The columns to write.
        model: The model, for the error.

    Returns:
        None when the table's types are those of the columns.

    Raises:
        TerminalError: when a column of the table is declared with another type.
    """
    table_types = {
        field.name: str(field.type.type)
        for field in table.schema().fields
        if hasattr(field.type, "type")
    }
    declared = {name: _DELTA_TYPES[kind.base_type()] for name, kind in schema.items()}
    changed = {
        name: (table_types[name], kind)
        for name, kind in declared.items()
        if table_types.get(name, kind) != kind
    }
    refused = [
        f"{name}: {old} -> {new}" for name, (old, new) in changed.items() if (old, new) != _WIDENING
    ]
    if refused:
        raise _other_types(refused, table.table_uri, model)
    fields = [
        Field(each.name, PrimitiveType(_WIDENING[1]), each.nullable)
        if each.name in changed
        else each
        for each in table.schema().fields
    ]
    return Schema(fields) if changed else None


def _other_types(changed: list[str], uri: str, model: str) -> TerminalError:
    name = changed[0].partition(":")[0]
    return TerminalError(
        "columns that the lake already holds are declared with another type",
        model=model,
        stage="ingest",
        received=", ".join(changed),
        allowed="the type they have; an int may become a float, a new column may be added and one "
        "be left out at any time",
        next_step=f"declare the new type under another name ({name}_2: ingest.source.rename or "
        f"derive, or `as` in a query), and name it in features.py; or, when no version of "
        f"{model} is needed any more, move {uri} away: every day is read again, and the ledger "
        "beside it stays",
    )


def widen(table: DeltaTable, schema: Schema, metadata: dict[str, str]) -> None:
    """Commit a schema with wider types. No row is rewritten: readers widen the older files.

    Raises:
        LostRaceError: when another writer committed first; nothing was changed.
    """
    with delta_errors(table.table_uri):
        table.create_write_transaction(
            actions=[],
            mode="overwrite",
            schema=schema,
            partition_by=[PARTITION],
            partition_filters=[(PARTITION, "=", _NO_PARTITION)],
            commit_properties=CommitProperties(custom_metadata=metadata, max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )


def commit_note(table: DeltaTable, metadata: dict[str, str]) -> None:
    """Commit metadata without rows.

    Raises:
        LostRaceError: when another writer committed first; nothing was changed.
    """
    with delta_errors(table.table_uri):
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

    delta-rs numbers them down from the opened table's version, but lists later commits too: its
    `version` is wrong then. Writers put the version of their commit into the metadata as
    `at_version`.
    """
    with delta_errors(table.table_uri):
        return list(reversed(table.history(limit)))


def files_by_partition(table: DeltaTable) -> dict[str, list[str]]:
    """Return a table's files by partition, in order. Local paths have no percent-encoding."""
    files: dict[str, list[str]] = {}
    for uri in sorted(table.file_uris()):
        path = uri if "://" in uri else unquote(uri)
        files.setdefault(path.rsplit(f"{PARTITION}=", 1)[1].split("/", 1)[0], []).append(path)
    return files
