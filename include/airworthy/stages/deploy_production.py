"""Deploy to production: move ``champion``, swap the server, see that it answers, and write it all down."""

from __future__ import annotations

import logging

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Deployment, ParityResult, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.release.current_blockers import current_blockers
from airworthy.release.open_server import discard, open_server
from airworthy.release.release_record import not_watched
from airworthy.release.release_rules import release_rules
from airworthy.release.server_client import ServerClient
from airworthy.release.traffic import Traffic, own_rollout

log = logging.getLogger("airworthy.release")


def deploy_production(
    job: Job, dataset: DatasetRef, verdict: Verdict, version: VersionRef, parity: ParityResult
) -> Deployment:
    """Promote an approved version, if nothing speaks against it. Running it again completes or changes nothing.

    What the rules ask for is looked up in the ledger: the approval, and that every step of the rollout ended well.

    Returns:
        What happened; ``promoted`` is false, with the reasons, when the version may not take over. Then all of the
        traffic is on the champion.

    Raises:
        TerminalError: when another version became champion after the verdict, or the server answers with another one.
        TransientError: when MLflow or the server cannot be reached.
    """
    registry = open_registry(job.environment)
    # Held to the end: of two releases, the one that moves the alias last must also be the one that swaps last.
    with registry.releasing(job.spec.model), open_server(job.environment) as server:
        traffic = Traffic(job, registry, server)
        entries = traffic.ledger.entries()
        against = _against(traffic, entries, verdict, version, parity)
        if against:
            _end_rollout(traffic, version, against)
            return _held(verdict, version, against)
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


def _against(
    traffic: Traffic,
    entries: list[Entry],
    verdict: Verdict,
    version: VersionRef,
    parity: ParityResult,
) -> list[str]:
    job, steps = traffic.job, release_rules(traffic.job.spec, traffic.job.environment).watched_steps
    against = current_blockers(job, traffic.registry, entries, verdict, version)
    # A task that was killed when the alias had moved is completed, whatever ended its rollout since.
    if traffic.registry.champion(version.model) != version.version:
        against += not_watched(
            entries, steps, job.run.run_id, version.version, version.bundle_digest
        )
    if parity.version != version.version or not parity.matched or parity.breaches:
        against.append(
            "staging did not find it fit: its answers were not compared, or it costs too much"
        )
    return against


def _end_rollout(traffic: Traffic, version: VersionRef, reasons: list[str]) -> None:
    """Give all of the traffic to the champion, and unload the version."""
    own = own_rollout(traffic.job, version.version)
    if own is not None:
        traffic.stop(own, reasons)
    else:
        discard(traffic.server, version.model, version.version)


def _held(verdict: Verdict, version: VersionRef, against: list[str]) -> Deployment:
    log.warning(
        "%s version %s is not released: %s", version.model, version.version, "; ".join(against)
    )
    return Deployment(
        model=version.model,
        version=version.version,
        previous_version=verdict.champion_version,
        promoted=False,
        served=False,
        reason="; ".join(against),
    )


def _release(
    traffic: Traffic,
    entries: list[Entry],
    dataset: DatasetRef,
    verdict: Verdict,
    version: VersionRef,
) -> tuple[str | None, str]:
    # A server that cannot take the version is found out before anything moves.
    traffic.server.load_candidate(version.model, version.version)
    previous, reason = _move_alias(traffic, entries, dataset, verdict, version)
    _swap(traffic.server, version)
    # The server has ended the rollout with the swap: everything goes to the new champion before and after this.
    traffic.complete(version.version)
    return previous, reason


def _move_alias(
    traffic: Traffic,
    entries: list[Entry],
    dataset: DatasetRef,
    verdict: Verdict,
    version: VersionRef,
) -> tuple[str | None, str]:
    """Move ``champion`` and record it; a move that a killed task made without recording it is recorded now."""
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
    served = server.describe(version.model)
    if served["version"] != version.version:
        raise TerminalError(
            "the server answers with another version than the one released",
            model=version.model,
            stage="release",
            received=f"version {served['version']}",
            allowed=f"version {version.version}",
            next_step="look at the model server's log",
        )
