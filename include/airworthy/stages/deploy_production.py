"""Deploy to production: moves ``champion``, swaps the server's version and records both."""

from __future__ import annotations

import logging

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Deployment, ParityResult, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.release.blockers import current_blockers
from airworthy.release.open_server import discard_candidate, open_server
from airworthy.release.release_record import rollout_blockers
from airworthy.release.release_rules import release_rules
from airworthy.release.rollout_traffic import Traffic, own_rollout
from airworthy.release.server_client import ServerClient

log = logging.getLogger("airworthy.release")


def deploy_production(
    job: Job, dataset: DatasetRef, verdict: Verdict, version: VersionRef, parity: ParityResult
) -> Deployment:
    """Promote an approved version without blockers.

    A second run completes the first, or changes nothing.

    The ledger has to prove the approval and every rollout step that the rules require.

    Args:
        job: The run.
        dataset: The dataset version that the version was trained on.
        verdict: The run's verdict.
        version: The version.
        parity: The result of the staging check.

    Returns:
        The deployment. With blockers, ``promoted`` is false, `reason` has them, and the champion
        has all of the traffic.

    Raises:
        TerminalError: when another version became champion after the verdict, or the server answers
            with another version.
        TransientError: when MLflow or the server cannot be reached.
    """
    registry = open_registry(job.environment)
    # Held to the end: of two releases, the last to move the alias must be the last to swap.
    with registry.release_lock(job.spec.model), open_server(job.environment) as server:
        traffic = Traffic(job, registry, server)
        entries = traffic.ledger.entries()
        blockers = _blockers(traffic, entries, verdict, version, parity)
        if blockers:
            _end_rollout(traffic, version, blockers)
            return _held_deployment(verdict, version, blockers)
        try:
            previous, reason = _release(traffic, entries, dataset, verdict, version)
        except TerminalError as error:
            _end_rollout(traffic, version, [error.problem])
            raise
    log.info("%s: champion is version %s (was %s)", job.spec.model, version.version, previous)
    return Deployment(
        model=job.spec.model,
        version=version.version,
        previous_version=previous,
        promoted=True,
        served=True,
        reason=reason,
    )


def _blockers(
    traffic: Traffic,
    entries: list[Entry],
    verdict: Verdict,
    version: VersionRef,
    parity: ParityResult,
) -> list[str]:
    job = traffic.job
    blockers = current_blockers(job, traffic.registry, entries, verdict, version)
    # A task that was killed after the alias moved is completed, even if its rollout ended since.
    if traffic.registry.champion(version.model) != version.version:
        steps = release_rules(job.spec, job.environment).guarded_steps
        blockers += rollout_blockers(
            entries, steps, job.run.run_id, version.version, version.bundle_digest
        )
    if parity.version != version.version or not parity.matched or parity.breaches:
        blockers.append(
            "staging did not find it fit: its answers were not compared, or it costs too much"
        )
    return blockers


def _end_rollout(traffic: Traffic, version: VersionRef, reasons: list[str]) -> None:
    """Give all traffic to the champion and unload the version."""
    own = own_rollout(traffic.job, version.version)
    if own is not None:
        traffic.stop(own, reasons)
    else:
        discard_candidate(traffic.server, version.model, version.version)


def _held_deployment(verdict: Verdict, version: VersionRef, blockers: list[str]) -> Deployment:
    log.warning(
        "%s version %s is not released: %s", version.model, version.version, "; ".join(blockers)
    )
    return Deployment(
        model=version.model,
        version=version.version,
        previous_version=verdict.champion_version,
        promoted=False,
        served=False,
        reason="; ".join(blockers),
    )


def _release(
    traffic: Traffic,
    entries: list[Entry],
    dataset: DatasetRef,
    verdict: Verdict,
    version: VersionRef,
) -> tuple[str | None, str]:
    # A server that cannot load the version fails here, before anything moves.
    traffic.server.load_candidate(version.model, version.version)
    previous, reason = _move_alias(traffic, entries, dataset, verdict, version)
    _swap(traffic.server, version)
    # The swap ended the rollout in the server: all traffic is on the new champion already.
    traffic.complete(version.version)
    return previous, reason


def _move_alias(
    traffic: Traffic,
    entries: list[Entry],
    dataset: DatasetRef,
    verdict: Verdict,
    version: VersionRef,
) -> tuple[str | None, str]:
    """Move ``champion`` and record the move. A killed task may have moved it without a record."""
    run, registry = traffic.job.run, traffic.registry
    moved = registry.champion(version.model) != version.version
    previous = registry.promote(version.model, version.version, expected=verdict.champion_version)
    reason = f"{run.reason} run {run.run_id}: verdict {verdict.outcome}"
    moves = alias_moves(entries)
    if moved or not moves or moves[-1].event.to != version.version:
        move = AliasMove(
            alias=CHAMPION,
            from_=previous,
            to=version.version,
            reason=reason,
            dataset_digest=dataset.digest,
            bundle_digest=version.bundle_digest,
            moves_before=len(moves),
        )
        traffic.ledger.append(move, run_id=run.run_id, who=run.requested_by)
    return previous, reason


def _swap(server: ServerClient, version: VersionRef) -> None:
    server.swap(version.model, version.version)
    champion = server.describe(version.model)
    if champion["version"] != version.version:
        raise TerminalError(
            "the server answers with another version than the one released",
            model=version.model,
            stage="release",
            received=f"version {champion['version']}",
            allowed=f"version {version.version}",
            next_step="look at the model server's log",
        )
