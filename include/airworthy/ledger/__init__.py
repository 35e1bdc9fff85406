"""The ledger: an append-only record of all decisions about a model."""

from airworthy.ledger.entry import Entry, first_broken_entry
from airworthy.ledger.entry_files import changed_entry_error
from airworthy.ledger.ledger import Ledger, open_ledger

__all__ = ["Entry", "Ledger", "changed_entry_error", "first_broken_entry", "open_ledger"]
