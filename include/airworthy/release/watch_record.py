"""The ledger's record of watched champions. Pure. Entries are a model's ledger, oldest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from airworthy.handover import ArmFigures, WatchStatus
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, RolloutStep, WatchEnded, WatchTripped
from airworthy.ledger.ledger_queries import alias_moves, of_kind
from airworthy.ledger.version_numbers import entries_about
from airworthy.release.watch_rule import Reference
from airworthy.spec.release_part import Guard


@dataclass(frozen=True)
class Watch:
    """A watched champion. Times are UTC.

    Attributes:
        version: The version.
        previous: The champion before it, or None.
        entry: The sequence number of the entry that made it champion.
        since: The time of this entry.
        until: The planned end.
        run_id: The run of its release.
        holdout_loss: Its mean loss on its holdout, or None.
    """

    version: str
    previous: str | None
    entry: int
    since: datetime
    until: datetime
    run_id: str
    holdout_loss: float | None = None


def present_watch(entries: Sequence[Entry]) -> Watch | None:
    """Return the champion's watch; None: there is no champion, or it is not watched."""
    moves = alias_moves(entries)
    return _watch(moves[-1]) if moves else None


def superseded_watches(entries: Sequence[Entry]) -> list[tuple[Watch, Entry[AliasMove]]]:
    """Return the watches without a recorded end whose version is champion no more.

    With each comes the entry that made the next version champion.
    """
    moves = alias_moves(entries)
    open_watches = [
        (watch, after) for before, after in pairwise(moves) if (watch := _watch(before)) is not None
    ]
    return [each for each in open_watches if watch_end(entries, each[0]) is None]


def watch_end(entries: Sequence[Entry], watch: Watch) -> Entry[WatchTripped | WatchEnded] | None:
    """Return the entry that ended a watch, or None."""
    ends: list[Entry[WatchTripped | WatchEnded]] = of_kind(entries, WatchTripped, WatchEnded)
    return next((end for end in ends if end.event.champion_entry == watch.entry), None)


def reference_of(entries: Sequence[Entry], watch: Watch, guard: Guard) -> Reference:
    """Return what a watched champion is compared with.

    The previous champion's figures are those of the last rollout step with enough of them, else
    those of its own watch.

    Args:
        entries: The model's ledger, oldest first.
        watch: The watch.
        guard: The spec's limits, with the numbers that are enough.
    """
    recorded = _figures_of_previous(entries, watch)
    served = next((each for each in recorded if each.requests >= guard.min_requests), None)
    labelled = next(
        (each for each in recorded if each.labels >= guard.min_labels and each.mean_loss), None
    )
    return Reference(
        error_rate=_failed_share(served) if served else None,
        p99_ms=served.p99_ms if served else None,
        mean_loss=labelled.mean_loss if labelled else None,
        loss_error=(labelled.loss_sd or 0.0) / math.sqrt(labelled.labels) if labelled else 0.0,
        holdout_loss=watch.holdout_loss,
    )


def rollback_of(status: WatchStatus) -> dict[str, Any]:
    """Return the request for the rollback from a version whose watch tripped, as JSON values."""
    return {
        "from_version": status.version,
        "reason": f"the guard found it bad after its release: {'; '.join(status.reasons)}",
    }


def _figures_of_previous(entries: Sequence[Entry], watch: Watch) -> list[ArmFigures]:
    """Return the previous champion's recorded figures, those to be preferred first."""
    steps = [
        entry.event.champion_figures
        for entry in reversed(of_kind(entries, RolloutStep))
        if entry.run_id == watch.run_id
        and entry.event.version == watch.version
        and entry.event.champion == watch.previous
    ]
    before = [entry for entry in entries if entry.sequence < watch.entry]
    watches = [
        entry.event.figures
        for entry in reversed(of_kind(entries_about(before, watch.previous), WatchEnded))
        if entry.event.version == watch.previous and entry.event.outcome == "well"
    ]
    return [figures for figures in (*steps, *watches) if figures is not None]


def _failed_share(figures: ArmFigures) -> float:
    return (figures.errors + figures.refused) / (figures.requests + figures.refused)


def _watch(move: Entry[AliasMove]) -> Watch | None:
    event = move.event
    if event.watched_until is None:
        return None
    return Watch(
        version=event.to,
        previous=event.from_,
        entry=move.sequence,
        since=datetime.fromisoformat(move.time).astimezone(UTC),
        until=event.watched_until.astimezone(UTC),
        run_id=move.run_id,
        holdout_loss=event.holdout_loss,
    )
