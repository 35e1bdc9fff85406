"""Versions by number and files: a number alone names no version. Pure.

MLflow counts versions from 1 again after a registered model was deleted. So a number belongs to the
version that was registered under it last, and earlier entries with this number are about another
one. All functions take a ledger's entries, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from airworthy.ledger.entry import Entry
from airworthy.ledger.events import Registration


def registrations(entries: Iterable[Entry]) -> list[Entry[Registration]]:
    """Return the registrations."""
    return [
        cast("Entry[Registration]", entry) for entry in entries if entry.kind == Registration.kind
    ]


def reused_numbers(entries: Iterable[Entry]) -> dict[int, str]:
    """Return the registrations under a number that another version had: sequence -> number."""
    digests: dict[str, str] = {}
    reused: dict[int, str] = {}
    for entry in registrations(entries):
        version, digest = entry.event.version, entry.event.bundle_digest
        if digest is None:  # an older release did not record it
            continue
        if digests.setdefault(version, digest) != digest:
            digests[version], reused[entry.sequence] = digest, version
    return reused


def entries_about(entries: Sequence[Entry], version: str | None) -> list[Entry]:
    """Return the entries since a number belongs to its present version: all, if it always did.

    Entries that name no version, or another one, are among them.

    Args:
        entries: The ledger.
        version: The number; None: all entries are returned.
    """
    since = [sequence for sequence, number in reused_numbers(entries).items() if number == version]
    return [entry for entry in entries if not since or entry.sequence >= since[-1]]


def was_other_version(entries: Iterable[Entry], version: str, digest: str) -> bool:
    """Return whether a number was registered with other files than these.

    Args:
        entries: The ledger.
        version: The number.
        digest: The digest of the files.
    """
    return any(
        entry.event.version == version and entry.event.bundle_digest not in (None, digest)
        for entry in registrations(entries)
    )
