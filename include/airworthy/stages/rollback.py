"""Rollback: give all traffic back to the last good version, see that it answers right, and write it all down.

Everything that can fail is tried before anything moves. Then, in this order: the ledger says what is about to happen,
a rollout is ended, the bad version is marked, the alias moves, the ledger records it, the server swaps and is asked,
the ledger records the end. A run that is stopped in between is completed by its retry: each step is done once, or
changes nothing.

During a rollout the last good version is the champion: its challenger is withdrawn, at once, and no alias moves.
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
from airworthy.release.open_server import discard, open_server
from airworthy.release.parity import largest_difference
from airworthy.release.release_record import unended
from airworthy.release.rollback_plan import Plan, choose, finished, unfinished
from airworthy.release.server_client import ServerClient
from airworthy.release.traffic import Traffic
from airworthy.serving.loaded_model import Limits, LoadedModel

log = logging.getLogger("airworthy.rollback")

_LONGEST_TAG = 4000
_LOOKS, _BETWEEN_LOOKS = 100, 0.1  # of a server that looks at its flags twice a second; in seconds


def rollback(job: Job, rollback_request: RollbackRequest) -> Rollback:
    """Go back to an earlier champion. Running it again completes what was begun, or changes nothing.

    Raises:
        TerminalError: when there is nothing to go back to, its files are not those registered, the server answers
            otherwise than the model does offline, or another version became champion meanwhile.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    model, registry = job.spec.model, open_registry(job.environment)
    with registry.releasing(model), open_server(job.environment) as server:
        traffic = Traffic(job, registry, server)
        entries = traffic.ledger.entries()
        done = finished(entries, job.run.run_id)
        if done is not None:
            log.info(
                "%s: run %s has rolled back before: nothing is left to do", model, job.run.run_id
            )
            return _from_record(done)
        plan = _plan(traffic, entries, rollback_request)
        # Whether the champion answers right is no reason to leave traffic on a version that is withdrawn.
        checked = None if plan.withdraws else _checked(traffic, entries, plan)
        traffic.ledger.append(plan.started(), run_id=plan.started_by, who=job.run.requested_by)
        _end_rollout(traffic, entries, plan)
        _move_alias(traffic, entries, plan)
        rows, difference = checked or _checked(traffic, entries, plan)
        _swap(model, server, plan, rows)
        completed = plan.completed(rows.height, difference)
        end = traffic.ledger.append(completed, run_id=job.run.run_id, who=job.run.requested_by)
    log.info(
        "%s: version %s serves again instead of version %s",
        model,
        plan.to_version,
        plan.from_version,
    )
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


def _plan(traffic: Traffic, entries: list[Entry], request: RollbackRequest) -> Plan:
    job, registry, rollout = traffic.job, traffic.registry, traffic.flags()
    champion = registry.champion(job.spec.model)
    begun = unfinished(entries, job.run.run_id, request, champion)
    if begun is not None:
        log.info("%s: completing the rollback that run %s began", job.spec.model, begun.started_by)
        return begun
    known = registry.versions(job.spec.model)
    usable = {
        str(version.version)
        for version in known
        if version.tags.get(VALIDATION_STATUS) == "approved" and ROLLED_BACK not in version.tags
    }
    challenger = (
        rollout.challenger if rollout is not None and rollout.champion == champion else None
    )
    return choose(entries, job.run.run_id, request, champion, usable, challenger)


def _checked(traffic: Traffic, entries: list[Entry], plan: Plan) -> tuple[pl.DataFrame, float]:
    """Check the version's files, load it and compare its answers; return the rows that were asked and how far apart.

    Raises:
        TerminalError: when the files or the answers are not what they were.
        TransientError: when the server does not answer.
    """
    job, registry, server = traffic.job, traffic.registry, traffic.server
    model, version = job.spec.model, plan.to_version
    folder, digest = registry.bundle(model, version)
    _demand_released_digest(entries, model, version, digest)
    offline = LoadedModel.load(model, version, folder, digest)
    rows = _example_rows(registry, offline)
    expected = offline.bundle.predict(rows)
    server.load_candidate(model, version)
    together = server.predict_version(model, version, rows)
    # A single row takes another way through the server than many do.
    alone = server.predict_version(model, version, rows, chunk_rows=1)
    difference = max(largest_difference(together, expected), largest_difference(alone, expected))
    tolerance = job.spec.release.parity.tolerance
    if not difference <= tolerance:
        discard(server, model, version)
        raise TerminalError(
            f"the server answers otherwise than version {version} does offline",
            model=model,
            stage="rollback",
            received=f"a difference of {difference:.6g}",
            allowed=f"at most {tolerance:.6g}",
            next_step="name another version with --to-version",
        )
    return rows, difference


def _demand_released_digest(entries: list[Entry], model: str, version: str, digest: str) -> None:
    """Stop when the registry's digest is not the one that the version was released with."""
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
    """Return the raw rows that were logged with a version, in the types of its inputs."""
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


def _end_rollout(traffic: Traffic, entries: list[Entry], plan: Plan) -> None:
    """Clear the flags of whichever rollout is on, record it, and wait until the server goes by that."""
    model = traffic.job.spec.model
    # A run that was stopped may have cleared the flags and written nothing yet, or left the challenger named.
    rollout = traffic.flags() or unended(entries)
    if rollout is not None:
        traffic.stop(rollout, [f"rollback {plan.started_by}: {plan.reason}"])
    named = traffic.registry.challenger(model)
    if named is not None:
        traffic.take_back(named)
    for _ in range(_LOOKS):
        if traffic.server.rollout(model)["challenger"] is None:
            return
        time.sleep(_BETWEEN_LOOKS)
    raise TransientError(
        "the model server still gives traffic to a version under rollout",
        model=model,
        stage="rollback",
        received=traffic.job.environment.flags_file,
        allowed="a server that follows this file",
        next_step="look at the model server's log, then run again",
    )


def _move_alias(traffic: Traffic, entries: list[Entry], plan: Plan) -> None:
    """Mark the bad version, then move ``champion`` and record it; in this order nothing can bring it back between."""
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


def _swap(model: str, server: ServerClient, plan: Plan, rows: pl.DataFrame) -> None:
    """Swap the server and ask it the way that everybody does."""
    server.swap(model, plan.to_version)
    answer = server.ask_champion(model, rows)
    if answer["version"] != plan.to_version:
        raise TerminalError(
            "the server answers with another version than the one rolled back to",
            model=model,
            stage="rollback",
            received=f"version {answer['version']}",
            allowed=f"version {plan.to_version}",
            next_step="look at the model server's log",
        )
