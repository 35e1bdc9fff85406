"""Reads the entries that decide about traffic now, and then only the new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airworthy.lake import delta
from airworthy.ledger import entry_files
from airworthy.ledger.entry import Entry
from airworthy.ledger.entry_files import changed_entry_error
from airworthy.ledger.ledger import SCHEMA
from airworthy.ledger.traffic_entries import needed_sequences

if TYPE_CHECKING:
    from deltalake import DeltaTable


class LedgerFollower:
    """Follows one model's ledger. The table stays open: a look reads only new commits."""

    def __init__(self, uri: str, model: str) -> None:
        """Keep the address. Reads nothing.

        Args:
            uri: The address of the ledger's table.
            model: The model.
        """
        self._uri = uri
        self._model = model
        self._table: DeltaTable | None = None
        self._last = 0

    @property
    def exists(self) -> bool:
        """Whether there is a ledger, by the last look."""
        return self._table is not None

    def new_entries(self) -> list[Entry]:
        """Return the entries since the last call that decide about traffic now, oldest first.

        The last sequence number moves on only when all of them were read.

        Raises:
            TerminalError: when one of them was changed; it names the entry.
            TransientError: when the ledger cannot be reached.
        """
        table = self._updated_table()
        if table is None:
            return []
        ids = entry_files.ids(table)
        entries = self._all(table) if ids is None else self._needed(table, ids)
        for entry in entries:
            if entry.hash != entry.expected_hash():
                raise changed_entry_error(f"{entry.sequence} ({entry.entry_id})", self._model)
        last = max((sequence for sequence, _ in ids or ()), default=0)
        self._last = max([self._last, last, *(entry.sequence for entry in entries)])
        return entries

    def _updated_table(self) -> DeltaTable | None:
        if self._table is None:
            self._table = delta.open_table(self._uri)
        else:
            with delta.delta_errors(self._uri):
                self._table.update_incremental()
        return self._table

    def _needed(self, table: DeltaTable, ids: list[tuple[int, str]]) -> list[Entry]:
        needed = needed_sequences(ids, self._last)
        if not needed:
            return []
        files = entry_files.listed(table)
        names = files.filter(files["min.sequence"].is_in(list(needed)))["path"]
        return entry_files.entries(table, SCHEMA, set(names))

    def _all(self, table: DeltaTable) -> list[Entry]:
        entries = entry_files.entries(table, SCHEMA)
        return [entry for entry in entries if entry.sequence > self._last]
