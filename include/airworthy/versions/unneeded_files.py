"""The model files that no entry of the ledger needs any more, under a retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, ApprovalAnswered, BreakGlass
from airworthy.ledger.ledger_queries import of_kind
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
    needed = needed_versions(entries)
    newest = sorted({int(each) for one in files for each in one.versions})[-retention.versions :]
    kept = needed | {str(version) for version in newest}
    until = now - retention.artifacts
    return [each for each in files if each.created < until and not kept & set(each.versions)]


def needed_versions(entries: Sequence[Entry]) -> set[str]:
    """Return the versions whose files entries of a ledger need. Pure.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
    """
    traffic = traffic_of(entries)
    needed = {each.version for each in traffic.candidates}
    if traffic.rollout is not None:
        needed |= {traffic.rollout.champion, traffic.rollout.challenger}
    moves = [(each.event.from_, each.event.to) for each in of_kind(entries, AliasMove)]
    moves += [(each.event.from_, each.event.to) for each in of_kind(entries, BreakGlass)]
    needed |= {version for move in moves for version in move if version is not None}
    needed |= {
        entry.event.version
        for entry in of_kind(entries, ApprovalAnswered)
        if entry.event.decision == "approve"
    }
    return needed
