"""The ledger: the append-only record of every decision about a model."""

from airworthy.ledger.ledger import Entry, Ledger, open_ledger

__all__ = ["Entry", "Ledger", "open_ledger"]
