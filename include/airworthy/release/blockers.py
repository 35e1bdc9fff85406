"""Blockers: the reasons against a version's release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airworthy.errors import TerminalError
from airworthy.handover import RunRequest, Verdict, VersionRef
from airworthy.registry.tags import AS_OF, BUNDLE_DIGEST, ROLLED_BACK
from airworthy.release.dirty_trees import tree_blocker
from airworthy.release.release_rules import release_rules

# An operator asks `release_blockers` before any stage runs. It must not pay for the ledger's libraries.
if TYPE_CHECKING:
    from airworthy.job import Job
    from airworthy.ledger import Entry
    from airworthy.registry.registry import Registry


def release_blockers(
    run: RunRequest,
    *,
    verdict: Verdict,
    status: str,
    champion_as_of: datetime | None,
    rolled_back: str | None = None,
) -> list[str]:
    """Return the reasons against a version as ``champion``; empty without any. Pure.

    Args:
        run: The run that trained it. Its `promote` is ``always``, ``never`` or ``auto``.
        verdict: The run's verdict.
        status: The version's ``validation_status``.
        champion_as_of: The end of the current champion's training window, UTC; None without a
            champion.
        rolled_back: The reason of the version's rollback; None when it was not rolled back.
    """
    blockers = list(verdict.reasons) if not verdict.releasable else []
    if status != "approved":
        blockers.append(f"the version is {status}, and a rejected version can never take an alias")
    if rolled_back is not None:
        blockers.append(
            f"the version was rolled back ({rolled_back}) and does not come back by itself"
        )
    if run.promote == "never":
        blockers.append("the run's parameter promote is never")
    if run.promote == "auto" and run.reason == "backfill":
        blockers.append(
            "a backfill run does not take champion unless its parameter promote is always"
        )
    if run.promote == "auto" and champion_as_of is not None and run.as_of < champion_as_of:
        blockers.append(
            f"its data end at {run.as_of:%Y-%m-%d}, before the champion's "
            f"({champion_as_of:%Y-%m-%d}); set the parameter promote to always to release it anyway"
        )
    return blockers


def current_blockers(
    job: Job, registry: Registry, entries: Sequence[Entry], verdict: Verdict, version: VersionRef
) -> list[str]:
    """Return the current reasons against traffic for a version; empty without any.

    Champion, registration, rollbacks and approval are read from the ledger. A task's state is no evidence: the
    approval must be of exactly the registered files, by this run, and by a person whom Airflow
    authenticated.

    Args:
        job: The run that releases the version.
        registry: Has the tags of the versions.
        entries: The model's ledger, oldest first.
        verdict: The run's verdict.
        version: The version.
    """
    from airworthy.ledger.registered_versions import registration_blockers
    from airworthy.release.approval_record import approval_blockers
    from airworthy.traffic import traffic_of

    traffic = traffic_of(entries)
    champion = traffic.champion_version
    registered = registry.version(job.spec.model, version.version)
    digest = registry.tag(registered, BUNDLE_DIGEST)
    blockers = release_blockers(
        job.run,
        verdict=verdict,
        status=version.validation_status,
        champion_as_of=_other_champion_as_of(job, registry, champion, version),
        rolled_back=registered.tags.get(ROLLED_BACK) or _rollback_reason(entries, version.version),
    )
    if digest != version.bundle_digest:
        blockers.append(
            f"its files changed: digest {version.bundle_digest} was judged, {digest} is registered"
        )
    blockers += registration_blockers(entries, version.version, version.bundle_digest)
    rules = release_rules(job.spec, job.environment)
    tree = tree_blocker(job.environment, registered.tags)
    return [
        *([f"the model is retired since {traffic.retired.time}"] if traffic.retired else []),
        *blockers,
        *([tree] if tree else []),
        *approval_blockers(entries, rules, job.run.run_id, version.version, digest),
    ]


def _rollback_reason(entries: Sequence[Entry], version: str) -> str | None:
    """Return the reason of a version's rollback by the ledger; None when it was not rolled back."""
    from airworthy.ledger.events import RollbackStarted
    from airworthy.ledger.ledger_queries import of_kind, rolled_back
    from airworthy.ledger.version_numbers import entries_about

    if version not in rolled_back(entries):
        return None
    reasons = [
        entry.event.reason
        for entry in of_kind(entries_about(entries, version), RollbackStarted)
        if entry.event.from_ == version
    ]
    return reasons[-1] or "no reason was given"


def _other_champion_as_of(
    job: Job, registry: Registry, champion: str | None, version: VersionRef
) -> datetime | None:
    if champion is None or champion == version.version:
        return None
    registered = registry.version(job.spec.model, champion)
    return datetime.fromisoformat(registry.tag(registered, AS_OF))


def require_same_champion(job: Job, verdict: Verdict, champion: str | None) -> None:
    """Check that the champion is still the verdict's champion.

    Args:
        job: The run.
        verdict: The run's verdict.
        champion: The current champion; None without one.

    Raises:
        TerminalError: when it is another version. The message names both.
    """
    if champion != verdict.champion_version:
        raise TerminalError(
            "another version became champion after the verdict was made",
            model=job.spec.model,
            stage="release",
            received=f"champion is version {champion}",
            allowed=f"champion is version {verdict.champion_version}",
            next_step="run the evaluation again, against the current champion",
        )
