"""Entries about traffic, told by their ids alone: no file of an entry is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from airworthy.ledger.events import (
    BEGUN,
    AliasMove,
    CandidateDropped,
    CandidateNamed,
    GuardTrip,
    Retirement,
    RollbackStarted,
    RolloutStep,
    RolloutStopped,
    StagingCheck,
)

_DECIDING: Final = (AliasMove, GuardTrip, RolloutStopped, RollbackStarted, Retirement)
_OF_CANDIDATES: Final = (CandidateNamed, CandidateDropped, StagingCheck)
MAX_CANDIDATES: Final = 4
"""Only the last candidates of a model count. A run that was cut off leaves its own behind."""


def is_traffic_entry(entry_id: str) -> bool:
    """Tell whether the entry with this id decides about traffic.

    >>> is_traffic_entry("alias_move:run-1:7:0"), is_traffic_entry("verdict:run-1")
    (True, False)
    """
    kind, _, rest = entry_id.partition(":")
    if kind == RolloutStep.kind:
        return rest.endswith(f":{BEGUN}")
    return any(kind == each.kind for each in _DECIDING)


def is_followed_entry(entry_id: str) -> bool:
    """Tell whether model servers follow the entry with this id."""
    kind = entry_id.partition(":")[0]
    return is_traffic_entry(entry_id) or any(kind == each.kind for each in _OF_CANDIDATES)


def is_champion_move(entry_id: str) -> bool:
    """Tell whether the entry with this id moves the champion."""
    return _is(entry_id, AliasMove.kind)


def last_decision(ids: Iterable[tuple[int, str]]) -> int:
    """Return the sequence number of the last entry about traffic; 0 without one.

    `ids` are sequence numbers and ids of entries, in any order.
    """
    return max((sequence for sequence, entry_id in ids if is_traffic_entry(entry_id)), default=0)


def needed_sequences(ids: Sequence[tuple[int, str]], after: int) -> set[int]:
    """Return the entries that decide about the traffic now, of those after a sequence number.

    For a first look, entries before the champion's move and before the last candidates decide
    nothing any more. A later look needs all that are new: they may end what is known.

    Args:
        ids: Sequence numbers and ids of a ledger's entries, in any order.
        after: The last sequence number that the caller knows; 0: none.
    """
    followed = sorted((sequence, entry_id) for sequence, entry_id in ids if sequence > after)
    followed = [each for each in followed if is_followed_entry(each[1])]
    if after > 0:
        return {sequence for sequence, _ in followed}
    moves = [sequence for sequence, entry_id in followed if is_champion_move(entry_id)]
    named = [sequence for sequence, entry_id in followed if _is(entry_id, CandidateNamed.kind)]
    last_move = moves[-1] if moves else 0
    first_candidate = named[-MAX_CANDIDATES:][0] if named else last_move
    start = min(last_move, first_candidate)
    return {sequence for sequence, _ in followed if sequence >= start}


def _is(entry_id: str, kind: str) -> bool:
    return entry_id.partition(":")[0] == kind
