"""Versions and their files by a ledger. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, Registration, Retirement
from airworthy.ledger.ledger_queries import of_kind


def named_digests(entries: Iterable[Entry]) -> dict[str, set[str]]:
    """Return the digests of files that a ledger names, by version.

    A version that is named without a digest, as old entries do, has an empty set.
    """
    digests: dict[str, set[str]] = {}
    for entry in entries:
        version = entry.content.get("version") or entry.content.get("to")
        if not isinstance(version, str):
            continue
        named = digests.setdefault(version, set())
        digest = entry.content.get("bundle_digest")
        if isinstance(digest, str):
            named.add(digest)
    return digests


def registered_versions(entries: Sequence[Entry]) -> list[str]:
    """Return the versions registered since the last retirement, oldest first."""
    retirements = [entry.sequence for entry in of_kind(entries, Retirement)]
    since = max(retirements, default=0)
    registrations = of_kind(entries, Registration)
    return [entry.event.version for entry in registrations if entry.sequence > since]


def former_champions(entries: Iterable[Entry]) -> list[str]:
    """Return the versions that were champion, without the last one, oldest first."""
    moves = [entry.event.to for entry in of_kind(entries, AliasMove)]
    return list(dict.fromkeys(version for version in moves if version != moves[-1]))
