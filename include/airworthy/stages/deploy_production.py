"""Deploy to production: move ``champion``, swap the server, see that it answers, and write it all down."""

from __future__ import annotations

import logging
from datetime import datetime

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Deployment, ParityResult, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.registry.store import ROLLED_BACK, Registry, open_registry
from airworthy.release.client import ServerClient
from airworthy.release.decision import reasons_against
from airworthy.release.server import discard, open_server

log = logging.getLogger("airworthy.release")


def deploy_production(
    job: Job, dataset: DatasetRef, verdict: Verdict, version: VersionRef, parity: ParityResult
) -> Deployment:
    """Promote an approved version, if nothing speaks against it. Running it again completes or changes nothing.

    Returns:
        What happened; ``promoted`` is false, with the reasons, when the version may not take over.

    Raises:
        TerminalError: when another version became champion after the verdict, or the server answers with another one.
        TransientError: when MLflow or the server cannot be reached.
    """
    registry = open_registry(job.environment)
    # Held to the end: of two releases, the one that moves the alias last must also be the one that swaps last.
    with registry.releasing(job.spec.model), open_server(job.environment) as server:
        against = refusal(job, registry, verdict, version)
        if parity.version != version.version or not parity.matched:
            against.append("its answers were not compared with the offline predictions")
        if against:
            discard(server, version)
            return _held(verdict, version, against)
        # A server that cannot take the version is found out before anything moves.
        server.load_candidate(job.spec.model, version.version)
        previous, reason = _move_alias(job, registry, dataset, verdict, version)
        _swap(job, server, version)
    log.info("%s: champion is version %s (was %s)", job.spec.model, version.version, previous)
    return Deployment(
        model=job.spec.model, version=version.version, previous_version=previous, promoted=True, served=True,
        reason=reason,
    )  # fmt: skip


def _held(verdict: Verdict, version: VersionRef, against: list[str]) -> Deployment:
    log.warning("%s version %s is not released: %s", version.model, version.version, "; ".join(against))
    return Deployment(
        model=version.model, version=version.version, previous_version=verdict.champion_version, promoted=False,
        served=False, reason="; ".join(against),
    )  # fmt: skip


def _move_alias(
    job: Job, registry: Registry, dataset: DatasetRef, verdict: Verdict, version: VersionRef
) -> tuple[str | None, str]:
    """Move ``champion`` and record it; a move that a killed task made without recording it is recorded now."""
    moved = registry.champion(job.spec.model) != version.version
    previous = registry.promote(job.spec.model, version.version, expected=verdict.champion_version)
    reason = f"{job.run.reason} run {job.run.run_id}: verdict {verdict.outcome}"
    ledger = open_ledger(job.environment, job.spec.model)
    moves = [entry for entry in ledger.entries() if entry.kind == "alias_move"]
    if moved or not moves or moves[-1].facts["to"] != version.version:
        # The number of moves so far: a version that comes back is another entry, a retry is not.
        ledger.append(
            "alias_move", f"alias_move:{job.run.run_id}:{version.version}:{len(moves)}", job.run.run_id,
            job.run.requested_by,
            {"alias": "champion", "from": previous, "to": version.version, "reason": reason,
             "dataset_digest": dataset.digest, "bundle_digest": version.bundle_digest},
        )  # fmt: skip
    return previous, reason


def refusal(job: Job, registry: Registry, verdict: Verdict, version: VersionRef) -> list[str]:
    """Return why this version must not take over, against the champion of this moment."""
    champion = registry.champion(job.spec.model)
    seen = None
    if champion not in (None, version.version):
        found = registry.version(job.spec.model, str(champion))
        seen = datetime.fromisoformat(registry.tag(found, "airworthy.as_of"))
    return reasons_against(
        job.run, releasable=verdict.releasable, gate_reasons=verdict.reasons, status=version.validation_status,
        champion_as_of=seen, rolled_back=registry.version(job.spec.model, version.version).tags.get(ROLLED_BACK),
    )  # fmt: skip


def _swap(job: Job, server: ServerClient, version: VersionRef) -> None:
    server.swap(job.spec.model, version.version)
    served = server.describe(job.spec.model)
    if served["version"] != version.version:
        raise TerminalError(
            "the server answers with another version than the one released", model=job.spec.model, stage="release",
            received=f"version {served['version']}", allowed=f"version {version.version}",
            next_step="look at the model server's log",
        )  # fmt: skip
