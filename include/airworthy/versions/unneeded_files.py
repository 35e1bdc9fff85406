"""The model files that no entry of the ledger needs any more, under a retention."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, ApprovalAnswered, BreakGlass, Registration
from airworthy.ledger.ledger_queries import of_kind, rolled_back
from airworthy.registry.logged_models import ModelFiles
from airworthy.retention_settings import RetentionSettings
from airworthy.traffic import traffic_of


def unneeded_files(
    files: Sequence[ModelFiles],
    entries: Sequence[Entry],
    retention: RetentionSettings,
    now: datetime,
) -> list[ModelFiles]:
    """Return the files that may be removed, oldest first. Pure.

    Needed are those of each version that ever was champion, since a rollback may go back to it; of
    versions that take part in traffic, or that a person has approved; and of the newest versions.

    Args:
        files: The files of all logged models of a model, oldest first.
        entries: Its ledger, oldest first.
        retention: The environment's retention.
        now: The present time, UTC.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
    """
    if retention.artifacts is None:
        return []
    needed = needed_versions(entries, retention.champions)
    newest = sorted({int(each) for one in files for each in one.versions})[-retention.versions :]
    kept = needed | {str(version) for version in newest}
    until = now - retention.artifacts
    return [each for each in files if each.created < until and not kept & set(each.versions)]


def needed_versions(entries: Sequence[Entry], champions: int | None = None) -> set[str]:
    """Return the versions whose files entries of a ledger need. Pure.

    Args:
        entries: The model's ledger, oldest first.
        champions: The number of former champions that are needed. None: all of them, and those that
            were rolled back.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
    """
    traffic = traffic_of(entries)
    needed = {each.version for each in traffic.candidates}
    if traffic.rollout is not None:
        needed |= {traffic.rollout.champion, traffic.rollout.challenger}
    if traffic.champion_version is not None:
        needed.add(traffic.champion_version)
    ever = _champions(entries)
    needed |= set(ever if champions is None else _newest_good(entries, ever, champions))
    approved = {
        entry.event.version
        for entry in of_kind(entries, ApprovalAnswered)
        if entry.event.decision == "approve"
    }
    # An approved version that became champion since is needed as one.
    return needed | (approved if champions is None else approved - set(ever))


def needed_runs(entries: Sequence[Entry], needed: Collection[str]) -> set[str]:
    """Return the runs that registered needed versions or made them champion. Pure.

    Args:
        entries: The model's ledger, oldest first.
        needed: See `needed_versions`.
    """
    registered = of_kind(entries, Registration)
    moved = of_kind(entries, AliasMove)
    return {
        *(entry.run_id for entry in registered if entry.event.version in needed),
        *(entry.run_id for entry in moved if entry.event.to in needed),
    }


def _champions(entries: Sequence[Entry]) -> list[str]:
    """Return the versions that ever were champion, the latest last."""
    events = [entry.event for entry in of_kind(entries, AliasMove, BreakGlass)]
    moves = [event for event in events if isinstance(event, AliasMove | BreakGlass)]
    named = [version for move in moves for version in (move.from_, move.to) if version is not None]
    latest = list(dict.fromkeys(reversed(named)))
    return latest[::-1]


def _newest_good(entries: Sequence[Entry], ever: Sequence[str], champions: int) -> list[str]:
    """Return the last champions that were not rolled back: the present one and former ones."""
    bad = rolled_back(entries)
    return [version for version in ever if version not in bad][-champions - 1 :]
