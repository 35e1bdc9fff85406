"""Rollback: gives all traffic back to the last good version, checks its answers, records it all.

Every check that can fail runs before anything moves. Then, in this order: the ledger records the
start, a rollout is ended, the bad version is marked, the alias moves, the ledger records the move,
the server swaps and answers a request, the ledger records the end. The retry of a run that was
stopped in between completes it: each step is done once, or changes nothing.

During a rollout the champion is the last good version: its challenger is withdrawn at once, and no
alias moves.
"""

from __future__ import annotations

import logging
import time

import orjson
import polars as pl

from airworthy.errors import TerminalError, TransientError
from airworthy.features import polars_schema
from airworthy.handover import Rollback, RollbackRequest
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, RollbackCompleted
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.registry.registry import CHAMPION, Registry, open_registry
from airworthy.registry.tags import ROLLED_BACK, VALIDATION_STATUS
from airworthy.release.open_server import discard_candidate, open_server
from airworthy.release.parity import largest_difference
from airworthy.release.release_record import running_rollout
from airworthy.release.rollback_plan import (
    RollbackPlan,
    completed_rollback,
    interrupted_rollback,
    plan_rollback,
)
from airworthy.release.rollout_traffic import Traffic
from airworthy.release.server_client import ServerClient
from airworthy.serving.loaded_model import Limits, LoadedModel

log = logging.getLogger("airworthy.rollback")

_LONGEST_TAG = 4000
_POLLS, _POLL_SECONDS = 100, 0.1  # the server reads its flags twice a second


def rollback(job: Job, rollback_request: RollbackRequest) -> Rollback:
    """Go back to an earlier champion. A second run completes the first, or changes nothing.

    Raises:
        TerminalError: when there is no version to go back to, its files are not the registered
            ones, the server's answers differ from the offline predictions, or another version
            became champion meanwhile.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    model, registry = job.spec.model, open_registry(job.environment)
    with registry.release_lock(model), open_server(job.environment) as server:
        traffic = Traffic(job, registry, server)
        entries = traffic.ledger.entries()
        completed = completed_rollback(entries, job.run.run_id)
        if completed is not None:
            log.info(
                "%s: run %s has rolled back before: nothing is left to do", model, job.run.run_id
            )
            return _from_record(completed)
        plan = _plan(traffic, entries, rollback_request)
        # Withdraw a challenger first: a failed check of the champion must not keep it in traffic.
        parity = None if plan.withdraws else _check_parity(traffic, entries, plan)
        traffic.ledger.append(plan.started(), run_id=plan.started_by, who=job.run.requested_by)
        _end_rollout(traffic, entries, plan)
        _move_alias(traffic, entries, plan)
        rows, difference = parity or _check_parity(traffic, entries, plan)
        _swap(model, server, plan, rows)
        event = plan.completed(rows.height, difference)
        end = traffic.ledger.append(event, run_id=job.run.run_id, who=job.run.requested_by)
    versions = (plan.to_version, plan.from_version)
    log.info("%s: version %s serves again instead of version %s", model, *versions)
    return _from_record(end)


def _from_record(entry: Entry[RollbackCompleted]) -> Rollback:
    completed = entry.event
    return Rollback(
        model=entry.model,
        from_version=completed.from_,
        to_version=completed.to,
        reason=completed.reason,
        started_by=completed.started_by,
        parity_rows=completed.parity_rows,
        max_difference=completed.max_difference,
    )


def _plan(traffic: Traffic, entries: list[Entry], request: RollbackRequest) -> RollbackPlan:
    job, registry, rollout = traffic.job, traffic.registry, traffic.rollout()
    champion = registry.champion(job.spec.model)
    interrupted = interrupted_rollback(entries, job.run.run_id, request, champion)
    if interrupted is not None:
        run_id = interrupted.started_by
        log.info("%s: completing the rollback that run %s began", job.spec.model, run_id)
        return interrupted
    usable = {
        str(version.version)
        for version in registry.versions(job.spec.model)
        if version.tags.get(VALIDATION_STATUS) == "approved" and ROLLED_BACK not in version.tags
    }
    challenger = (
        rollout.challenger if rollout is not None and rollout.champion == champion else None
    )
    return plan_rollback(entries, job.run.run_id, request, champion, usable, challenger)


def _check_parity(
    traffic: Traffic, entries: list[Entry], plan: RollbackPlan
) -> tuple[pl.DataFrame, float]:
    """Check the version's files, load it and compare its answers with its offline predictions.

    Returns:
        The compared rows, and their largest difference.

    Raises:
        TerminalError: when files or answers are not as they were.
        TransientError: when the server does not answer.
    """
    job, registry, server = traffic.job, traffic.registry, traffic.server
    model, version = job.spec.model, plan.to_version
    folder, digest = registry.bundle(model, version)
    _require_released_digest(entries, model, version, digest)
    offline = LoadedModel.load(model, version, folder, digest)
    rows = _example_rows(registry, offline)
    expected = offline.bundle.predict(rows)
    server.load_candidate(model, version)
    batch = server.predict_version(model, version, rows)
    # The server handles a single row by other code than a batch.
    single = server.predict_version(model, version, rows, chunk_rows=1)
    difference = max(largest_difference(batch, expected), largest_difference(single, expected))
    tolerance = job.spec.release.parity.tolerance
    if not difference <= tolerance:
        discard_candidate(server, model, version)
        raise TerminalError(
            f"the server answers otherwise than version {version} does offline",
            model=model,
            stage="rollback",
            received=f"a difference of {difference:.6g}",
            allowed=f"at most {tolerance:.6g}",
            next_step="name another version with --to-version",
        )
    return rows, difference


def _require_released_digest(entries: list[Entry], model: str, version: str, digest: str) -> None:
    """Check that the registry's digest is the version's digest at its release."""
    released = {
        move.event.bundle_digest for move in alias_moves(entries) if move.event.to == version
    }
    if released - {None, digest}:
        raise TerminalError(
            f"version {version} has another digest in the registry than it was released with",
            model=model,
            stage="rollback",
            received=f"digest {digest}",
            allowed=f"digest {released.pop()}",
            next_step="name another version with --to-version",
        )


def _example_rows(registry: Registry, offline: LoadedModel) -> pl.DataFrame:
    """Return the raw rows that were logged with a version, with the types of its inputs."""
    example = registry.example(offline.model, offline.version)
    if example is None:
        raise TerminalError(
            f"no example rows were logged with version {offline.version}",
            model=offline.model,
            stage="rollback",
            allowed="versions that the register stage made",
            next_step="name another version with --to-version",
        )
    columns = offline.read(orjson.dumps(example), Limits())
    schema = polars_schema(offline.bundle.manifest.inputs)
    series = zip(schema.items(), columns, strict=True)
    return pl.DataFrame([pl.Series(name, values, dtype=kind) for (name, kind), values in series])


def _end_rollout(traffic: Traffic, entries: list[Entry], plan: RollbackPlan) -> None:
    """Clear the flags of any rollout, record its end, and wait until the server follows."""
    model = traffic.job.spec.model
    # A run that was stopped may have cleared the flags only, or not removed the challenger's alias.
    rollout = traffic.rollout() or running_rollout(entries)
    if rollout is not None:
        traffic.stop(rollout, [f"rollback {plan.started_by}: {plan.reason}"])
    challenger = traffic.registry.challenger(model)
    if challenger is not None:
        traffic.withdraw(challenger)
    for _ in range(_POLLS):
        if traffic.server.rollout(model)["challenger"] is None:
            return
        time.sleep(_POLL_SECONDS)
    raise TransientError(
        "the model server still gives traffic to a version under rollout",
        model=model,
        stage="rollback",
        received=traffic.job.environment.flags_file,
        allowed="a server that follows this file",
        next_step="look at the model server's log, then run again",
    )


def _move_alias(traffic: Traffic, entries: list[Entry], plan: RollbackPlan) -> None:
    """Mark the bad version first, so that no run can promote it again; then move ``champion``."""
    job, registry, client = traffic.job, traffic.registry, traffic.registry.client
    model = job.spec.model
    client.set_model_version_tag(model, plan.from_version, ROLLED_BACK, plan.reason[:_LONGEST_TAG])
    if plan.withdraws:
        return
    registry.promote(
        model, plan.to_version, expected=plan.from_version, even_if_rolled_back=plan.named
    )
    moves = [move.event for move in alias_moves(entries) if move.event.to == plan.to_version]
    released = moves[-1] if moves else None
    move = AliasMove(
        alias=CHAMPION,
        from_=plan.from_version,
        to=plan.to_version,
        reason=f"rollback {plan.started_by}: {plan.reason}",
        dataset_digest=released.dataset_digest if released else None,
        bundle_digest=released.bundle_digest if released else None,
        rollback=plan.started_by,
    )
    traffic.ledger.append(move, run_id=job.run.run_id, who=job.run.requested_by)
    if ROLLED_BACK in registry.version(model, plan.to_version).tags:
        client.delete_model_version_tag(model, plan.to_version, ROLLED_BACK)


def _swap(model: str, server: ServerClient, plan: RollbackPlan, rows: pl.DataFrame) -> None:
    """Swap the server's version and check it on the public route."""
    server.swap(model, plan.to_version)
    response = server.predict_champion(model, rows)
    if response["version"] != plan.to_version:
        raise TerminalError(
            "the server answers with another version than the one rolled back to",
            model=model,
            stage="rollback",
            received=f"version {response['version']}",
            allowed=f"version {plan.to_version}",
            next_step="look at the model server's log",
        )
