"""What stands against a version at this moment: the run, the verdict, the champion, the files, the approval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airworthy.errors import TerminalError
from airworthy.handover import Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.registry.registry import Registry
from airworthy.registry.tags import AS_OF, BUNDLE_DIGEST, ROLLED_BACK
from airworthy.release.blockers import release_blockers
from airworthy.release.release_record import not_approved
from airworthy.release.release_rules import release_rules


def current_blockers(
    job: Job, registry: Registry, entries: Sequence[Entry], verdict: Verdict, version: VersionRef
) -> list[str]:
    """Return why a version must not have traffic; empty when it may.

    The approval is looked up in the ledger, and not believed from a task's state: of exactly the files that are
    registered, by this run.

    Args:
        job: The run that releases it.
        registry: Says who is champion now, and what the version's tags say.
        entries: The model's ledger, oldest first.
        verdict: The run's verdict.
        version: The version.
    """
    model, champion = job.spec.model, registry.champion(job.spec.model)
    seen = None
    if champion not in (None, version.version):
        found = registry.version(model, str(champion))
        seen = datetime.fromisoformat(registry.tag(found, AS_OF))
    registered = registry.version(model, version.version)
    digest = registry.tag(registered, BUNDLE_DIGEST)
    against = release_blockers(
        job.run,
        releasable=verdict.releasable,
        gate_reasons=verdict.reasons,
        status=version.validation_status,
        champion_as_of=seen,
        rolled_back=registered.tags.get(ROLLED_BACK),
    )
    if digest != version.bundle_digest:
        against.append(
            f"its files changed: digest {version.bundle_digest} was judged, {digest} is registered"
        )
    rules = release_rules(job.spec, job.environment)
    return [*against, *not_approved(entries, rules, job.run.run_id, version.version, digest)]


def demand_same_champion(job: Job, verdict: Verdict, champion: str | None) -> None:
    """Stop when another version is champion than the one that the verdict compared with.

    Raises:
        TerminalError: naming both.
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
