"""Append-only Delta tables with a key: a row is appended once, however often it is tried.

Keys are digests, so their first characters differ. Delta's log has the least and the greatest key
of each file. A key is within these bounds in few files; all others stay unread.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import unquote

import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from airworthy.errors import TransientError
from airworthy.lake import delta
from airworthy.object_store import delta_options

KEY = "key"


class AppendOnlyTable:
    """A table at an address; its column ``key`` is text. The first append creates it."""

    def __init__(self, uri: str, schema: pl.Schema) -> None:
        """Keep the address and the columns."""
        self.uri = uri
        self.schema = schema

    def append(self, rows: pl.DataFrame) -> None:
        """Append the rows with new keys in one commit; without a new key, commit nothing.

        Raises:
            TransientError: when the table cannot be reached, or other writers kept appending first.
        """
        for _ in range(delta.ATTEMPTS):
            table = delta.open_table(self.uri)
            existing = set(self._read(table, [KEY], rows[KEY])[KEY])
            new = (
                rows.filter(~pl.col(KEY).is_in(existing))
                .select(self.schema.names())
                .cast(self.schema)
            )
            if new.is_empty():
                return
            try:
                self._commit(table, new)
            except delta.LostRaceError:
                continue  # another writer committed: read its keys too
            return
        raise TransientError(
            "other writers kept appending first",
            received=self.uri,
            next_step="run again when the other runs are done",
        )

    def read(self, columns: Sequence[str], keys: Collection[str] | None = None) -> pl.DataFrame:
        """Return columns of the rows with these keys, or of all rows, in no order.

        Without a table there are no rows.

        Raises:
            TransientError: when the table cannot be reached.
        """
        return self._read(delta.open_table(self.uri), columns, keys)

    def _read(
        self, table: DeltaTable | None, columns: Sequence[str], keys: Collection[str] | None
    ) -> pl.DataFrame:
        files = [] if table is None else self._files(table, keys)
        if not files:
            return pl.DataFrame(schema={name: self.schema[name] for name in columns})
        rows = delta.scan_files(self.uri, files, schema=self.schema)
        if keys is not None:
            rows = rows.filter(pl.col(KEY).is_in(list(keys)))
        with delta.delta_errors(self.uri):
            return rows.select(columns).collect()

    def _files(self, table: DeltaTable, keys: Collection[str] | None) -> list[str]:
        with delta.delta_errors(self.uri):
            uris = [uri if "://" in uri else unquote(uri) for uri in table.file_uris()]
            if keys is None:
                return uris
            bounds = pl.DataFrame(table.get_add_actions(flatten=True))
        least, greatest = f"min.{KEY}", f"max.{KEY}"
        if not {least, greatest} <= set(bounds.columns):
            return uris
        # Delta cuts long bounds, the greatest one to a text that is not smaller: no key is missed.
        ordered = pl.Series(sorted(set(keys)), dtype=pl.String)
        first = ordered.search_sorted(bounds[least], side="left")
        end = ordered.search_sorted(bounds[greatest], side="right")
        unknown = bounds[least].is_null() | bounds[greatest].is_null()
        names = set(bounds["path"].filter((first < end) | unknown).str.split("/").list.last())
        return [uri for uri in uris if uri.rsplit("/", 1)[-1] in names]

    def _commit(self, table: DeltaTable | None, rows: pl.DataFrame) -> None:
        once = CommitProperties(max_commit_retries=0)
        with delta.delta_errors(self.uri):
            if table is not None:
                write_deltalake(table, rows, mode="append", commit_properties=once)
                return
            configuration = {**delta.CONFIGURATION, "delta.appendOnly": "true"}
            try:
                write_deltalake(
                    self.uri,
                    rows,
                    mode="error",
                    configuration=configuration,
                    commit_properties=once,
                    storage_options=delta_options(self.uri),
                )
            except DeltaError as error:
                if delta.is_table(self.uri):  # another writer created it meanwhile
                    raise delta.LostRaceError from error
                raise
