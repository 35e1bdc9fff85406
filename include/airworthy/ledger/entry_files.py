"""The ledger's data files: one entry each, named by its content.

A file's name is the SHA-256 of its bytes, and the Delta log has the name. One changed byte is
detected before anything is parsed, also where a reader of Parquet would fail or see no changed
value.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake import delta
from airworthy.ledger.entry import Entry
from airworthy.object_store import StoredObject, open_store

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

_NAME = re.compile(r"^entry-([0-9a-f]{64})\.parquet$")
# The columns of all other entries needed for an append; see `Ledger._last_and_same`.
_STATISTICS = ("sequence", "entry_id")


def write(uri: str, frame: pl.DataFrame) -> AddAction:
    """Write an entry's file and return the action that adds it to the table.

    Args:
        uri: The table's address.
        frame: One row.
    """
    from deltalake.transaction import AddAction

    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    content = buffer.getvalue()
    name = f"entry-{hashlib.sha256(content).hexdigest()}.parquet"
    open_store(uri).write(name, content)
    bounds = {column: frame[column][0] for column in _STATISTICS}
    statistics = {
        "numRecords": 1,
        "minValues": bounds,
        "maxValues": bounds,
        "nullCount": dict.fromkeys(bounds, 0),
    }
    return AddAction(
        path=name,
        size=len(content),
        partition_values={},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps(statistics),
    )


def read(table: DeltaTable, schema: pl.Schema, names: set[str] | None = None) -> pl.DataFrame:
    """Return the entries of a table's files, in no order.

    Args:
        table: The ledger's table.
        schema: Its columns.
        names: The files to read; None: all.

    Raises:
        TerminalError: when a file does not hold what was written; it names the entry.
        TransientError: when a file cannot be reached.
    """
    files = [_name(uri) for uri in table.file_uris()]
    files = [name for name in files if names is None or name in names]
    if not files:
        return pl.DataFrame(schema=schema)
    stored = open_store(table.table_uri).read_all(files)
    contents = [_verified(table, *each) for each in zip(files, stored, strict=True)]
    # Polars reads many files at once faster than one by one.
    # Entries of older versions lack newer columns.
    return pl.read_parquet(contents, schema=schema, missing_columns="insert")


def entries(table: DeltaTable, schema: pl.Schema, names: set[str] | None = None) -> list[Entry]:
    """Return the entries of a table's files, oldest first.

    Args:
        table: The ledger's table.
        schema: Its columns.
        names: The files to read; None: all.

    Raises:
        TerminalError: when a file does not hold what was written; it names the entry.
        TransientError: when a file cannot be reached.
    """
    frame = read(table, schema, names)
    return [Entry(**row) for row in frame.sort("sequence").iter_rows(named=True)]


def listed(table: DeltaTable) -> pl.DataFrame:
    """Return the files of a table from its log, with the statistics of each.

    Raises:
        TransientError: when the log cannot be read.
    """
    with delta.delta_errors(table.table_uri):
        return pl.DataFrame(table.get_add_actions(flatten=True))


def ids(table: DeltaTable) -> list[tuple[int, str]] | None:
    """Return sequence number and id of each entry, from the log, in no order.

    None: the log does not have them, because the table was compacted by another program.
    """
    files = listed(table)
    if files.is_empty():
        return []
    if not {"path", "min.sequence", "min.entry_id"} <= set(files.columns):
        return None
    if not files["path"].str.contains(_NAME.pattern).all():
        return None
    return list(files.select("min.sequence", "min.entry_id").iter_rows())


def _verified(table: DeltaTable, name: str, stored: StoredObject | None) -> bytes:
    if stored is None:
        raise changed_entry_error(_entry_in(table, name))
    match = _NAME.match(name)
    # A compacted table has files with other names: the hashes of its entries are verified instead.
    if match is not None and hashlib.sha256(stored.content).hexdigest() != match[1]:
        raise changed_entry_error(_entry_in(table, name))
    return stored.content


def changed_entry_error(entry: str, model: str | None = None) -> TerminalError:
    """Return the error of a changed entry of a ledger."""
    return TerminalError(
        "the ledger was changed",
        model=model,
        received=f"entry {entry}",
        allowed="an unbroken hash chain",
        next_step="compare with a backup of the ledger's table",
    )


def unreadable_commit(uri: str) -> str | None:
    """Return the first entry of a table with a commit that is not JSON, or None.

    delta-rs reports only that the table cannot be opened. The log's first commit created the table.
    Each later commit added the next entry, or columns.

    Raises:
        TransientError: when the table cannot be reached.
    """
    store = open_store(uri)
    names = [each.path for each in store.list("_delta_log") if each.path.endswith(".json")]
    changes_of_columns = 0
    for name, stored in zip(names, store.read_all(names), strict=True):
        path = PurePosixPath(name)
        try:
            lines = (stored.content if stored else b"").decode().splitlines()
            actions = {action for line in lines for action in json.loads(line)}
        except (ValueError, TypeError):
            return f"{int(path.stem) - changes_of_columns} ({path.name} in the table's log)"
        changes_of_columns += int(path.stem) > 0 and "metaData" in actions
    return None


def _entry_in(table: DeltaTable, name: str) -> str:
    """Return the number and the id of a file's entry, from the log."""
    actions = pl.DataFrame(table.get_add_actions(flatten=True)).filter(pl.col("path") == name)
    sequence, entry_id = actions.select("min.sequence", "min.entry_id").row(0)
    return f"{sequence} ({entry_id})"


def _name(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]
