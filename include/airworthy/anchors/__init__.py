"""Anchors: signed heads of the ledgers, kept outside the lake.

Without an anchor, a ledger whose last entries were cut off, or that was written anew from its first
entry on, is whole by itself.
"""

from airworthy.anchors.anchored_ledger import (
    AnchorCheck,
    KeptHeads,
    check_anchors,
    read_kept_heads,
)
from airworthy.anchors.head import Head
from airworthy.anchors.send_heads import send_appended_head, send_head

__all__ = [
    "AnchorCheck",
    "Head",
    "KeptHeads",
    "check_anchors",
    "read_kept_heads",
    "send_appended_head",
    "send_head",
]
