"""The versions of a model that were champion, read without the rest of its ledger."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from airworthy.errors import TerminalError
from airworthy.lake import delta
from airworthy.ledger import Entry
from airworthy.ledger.entry_files import entries, ids, listed
from airworthy.ledger.events import AliasMove, RollbackStarted
from airworthy.ledger.ledger import SCHEMA, Ledger
from airworthy.ledger.ledger_queries import alias_moves, rolled_back
from airworthy.traffic.traffic_state import ServedVersion

log = logging.getLogger("airworthy.traffic")

_MOVES = 20
_KINDS = (AliasMove.kind, RollbackStarted.kind)


@dataclass(frozen=True)
class ReleasedVersions:
    """The versions that were champion, by the entries that can be read.

    Attributes:
        good: Those that were not rolled back, the latest first, with their digests.
        rolled_back: Those that were, and were not brought back by name since.
    """

    good: list[ServedVersion]
    rolled_back: set[str]


def released_versions(ledger: Ledger) -> ReleasedVersions:
    """Return the versions that were champion lately.

    Each entry is read by itself. One that was changed is passed over: the others still say where
    to go back to.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    return versions_of(_read_moves(ledger.uri))


def versions_of(moves: Sequence[Entry]) -> ReleasedVersions:
    """Return the versions that were champion. Pure.

    A version without a digest is left out: nothing says which files are meant.

    Args:
        moves: A ledger's entries of moves and of begun rollbacks, oldest first.
    """
    champions = [
        ServedVersion(move.event.to, move.event.bundle_digest)
        for move in reversed(alias_moves(moves))
    ]
    bad = rolled_back(moves)
    good = [
        each
        for each in dict.fromkeys(champions)
        if each.bundle_digest is not None and each.version not in bad
    ]
    return ReleasedVersions(good, bad)


def _read_moves(uri: str) -> list[Entry]:
    table = delta.open_table(uri)
    if table is None:
        return []
    known = ids(table)
    if known is None:  # compacted by another program: no file has one entry
        return [each for each in entries(table, SCHEMA) if each.kind in _KINDS]
    named = sorted(each for each in known if each[1].partition(":")[0] in _KINDS)[-_MOVES:]
    files = listed(table)
    found: list[Entry] = []
    for sequence, entry_id in named:
        names = set(files.filter(files["min.sequence"] == sequence)["path"])
        try:
            read = entries(table, SCHEMA, names)
        except TerminalError as error:
            log.warning("entry %s (%s) is passed over: %s", sequence, entry_id, error.problem)
            continue
        found += [each for each in read if each.hash == each.expected_hash()]
    return found
