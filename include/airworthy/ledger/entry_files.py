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
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake import delta

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
    _put(uri, name, content)
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
    """
    uris = [uri for uri in table.file_uris() if names is None or _name(uri) in names]
    if not uris:
        return pl.DataFrame(schema=schema)
    # Polars reads many files at once faster than one by one.
    return pl.read_parquet([_verified_content(table, uri) for uri in uris], schema=schema)


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


def _verified_content(table: DeltaTable, uri: str) -> bytes:
    try:
        content = _get(table.table_uri, uri)
    except FileNotFoundError:
        raise changed_entry_error(_entry_in(table, _name(uri))) from None
    match = _NAME.match(_name(uri))
    # A compacted table has files with other names: the hashes of its entries are verified instead.
    if match is not None and hashlib.sha256(content).hexdigest() != match[1]:
        raise changed_entry_error(_entry_in(table, _name(uri)))
    return content


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
    """Return the first entry of a local table with a commit that is not JSON, or None.

    delta-rs reports only that the table cannot be opened. The log's first commit created the table.
    Each later commit added the entry of its number.
    """
    for path in sorted(Path(uri).glob("_delta_log/*.json")) if "://" not in uri else ():
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                json.loads(line)
        except ValueError:
            return f"{int(path.stem)} ({path.name} in the table's log)"
    return None


def _entry_in(table: DeltaTable, name: str) -> str:
    """Return the number and the id of a file's entry, from the log."""
    actions = pl.DataFrame(table.get_add_actions(flatten=True)).filter(pl.col("path") == name)
    sequence, entry_id = actions.select("min.sequence", "min.entry_id").row(0)
    return f"{sequence} ({entry_id})"


def _name(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]


def _put(uri: str, name: str, content: bytes) -> None:
    if "://" not in uri:
        folder = Path(uri)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return
    with _remote(uri).open_output_stream(name) as stream:
        stream.write(content)


def _get(table_uri: str, uri: str) -> bytes:
    if "://" not in uri:
        return Path(unquote(uri)).read_bytes()
    with _remote(table_uri).open_input_stream(_name(uri)) as stream:
        return bytes(stream.read())


def _remote(uri: str) -> Any:
    """Return the table's location as a file system, with the settings of delta-rs."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(uri))
