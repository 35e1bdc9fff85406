"""An event of the tests' own: the ledger treats every entry alike."""

from __future__ import annotations

from typing import ClassVar

from airworthy.ledger.events import LedgerEvent


class Note(LedgerEvent):
    """A note with a number; its name is the entry's id."""

    kind: ClassVar[str] = "note"

    name: str
    n: int = 0

    def entry_id(self, run_id: str) -> str:
        """Return the name."""
        return self.name
