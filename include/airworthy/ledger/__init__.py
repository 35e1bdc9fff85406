"""The ledger: the append-only record of every decision about a model."""

from airworthy.ledger.entry_files import changed
from airworthy.ledger.ledger import Entry, Ledger, first_break, open_ledger

__all__ = ["Entry", "Ledger", "changed", "first_break", "open_ledger"]
