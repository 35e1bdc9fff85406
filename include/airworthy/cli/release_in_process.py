"""Walking a release in this process: staging, approval, every step of the rollout, production."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

import typer

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError

log = logging.getLogger("airworthy.run")

REJECTED, WAITS_FOR_APPROVAL = 3, 4
_BETWEEN_LOOKS, _LOST_LOOKS = 1.0, 30  # seconds; and how many looks in a row may go unanswered
_TOLD_EVERY = 30.0


def release_version(payload: dict[str, Any], approve: str | None) -> dict[str, Any]:
    """Take a registered version to production and return the payload with what was handed over.

    Without ``deployment`` in it, the version waits for an approval. Ended early, by a fault or by a signal, a rollout
    is stopped: nothing is left on a version that nobody watches.

    Args:
        payload: What the stages up to ``register`` handed over, and ``run``.
        approve: The caller's words of approval, which are recorded; None: the caller does not approve.

    Raises:
        TerminalError: when staging finds the version unfit, the guard trips, or it cannot be released.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    from airworthy.handover import RunRequest
    from airworthy.job import open_job
    from airworthy.release.release_rules import release_rules
    from airworthy.stages import run_stage

    job = open_job(RunRequest.model_validate(payload["run"]))
    rules = release_rules(job.spec, job.environment)
    if approve is not None:
        _demand_approver(
            job.spec.model, job.spec.release.approvers, payload["run"]["requested_by"], approve
        )
    with model_server(job.environment):
        payload["parity"] = timed("deploy_staging", lambda: run_stage("deploy_staging", payload))
        if rules.approval == "required" and approve is None:
            return payload
        if approve is not None:
            answer = {
                "decision": "approve",
                "who": payload["run"]["requested_by"],
                "comment": approve.strip(),
                "at": datetime.now(UTC).isoformat(),
            }
            payload["approval"] = run_stage("approval", {**payload, "approval_answer": answer})
        step = None
        try:
            with _terminated_as_exit():
                for step in rules.watched_steps:
                    if not _watch(payload, step):
                        break
                payload["deployment"] = timed(
                    "deploy_production", lambda: run_stage("deploy_production", payload)
                )
        except BaseException as error:
            if step is not None:
                _stop(payload, step, error)
            raise
    return payload


def print_release(payload: dict[str, Any]) -> None:
    """Print what came of a release: champion or not, and why; or how to approve it."""
    version, deployment = payload["version"], payload.get("deployment")
    if deployment:
        typer.echo(f"champion: {'yes' if deployment['promoted'] else 'no'}: {deployment['reason']}")
    elif "parity" in payload:
        command = f"airworthy release {version['model']} {version['version']} --approve COMMENT"
        typer.echo(f"champion: not yet: it waits for an approval: {command}")


def _demand_approver(model: str, approvers: list[str], who: str, approve: str) -> None:
    if not approve.strip():
        raise TerminalError(
            "an approval needs some words", model=model, received="an empty comment", allowed="why"
        )
    if approvers and who not in approvers:
        raise TerminalError(
            f"{who} may not approve versions of this model",
            model=model,
            received=who,
            allowed=", ".join(approvers),
            next_step="ask one of them",
        )


def _watch(payload: dict[str, Any], step: Any) -> bool:
    """Look until a step ends; False when something speaks against the version, which production will say again.

    Raises:
        TerminalError: when the rollout was ended.
    """
    from airworthy.stages import run_stage

    lost, told = 0, (0.0, "")
    while True:
        try:
            status = run_stage("rollout", {**payload, "rollout_request": {"step": step}})
            lost = 0
        except TransientError as error:
            lost += 1
            if lost > _LOST_LOOKS:
                raise
            log.warning("rollout %s: %s; looking again", step, error.problem)
            time.sleep(_BETWEEN_LOOKS)
            continue
        if told[1] != status["state"] or time.monotonic() > told[0] + _TOLD_EVERY:
            log.info("rollout %s: %s", step, _in_words(status))
            told = (time.monotonic(), status["state"])
        if status["state"] == "tripped":
            raise TerminalError(
                f"the rollout was ended, the champion has all of the traffic: {'; '.join(status['reasons'])}",
                model=payload["run"]["model"],
                stage="rollout",
                received=f"version {status['version']}, step {step}",
                next_step=f"airworthy ledger {payload['run']['model']}",
            )
        if status["state"] in ("done", "held"):
            return bool(status["state"] == "done")
        time.sleep(_BETWEEN_LOOKS)


def _in_words(status: dict[str, Any]) -> str:
    seen, words = status["challenger"], [status["state"]]
    if seen:
        words.append(f"{seen['requests']:,} requests, {seen['errors']:,} errors")
    if seen and seen["p99_ms"] is not None:
        words.append(f"p99 {seen['p99_ms']:.1f} ms")
    if status["state"] == "baking":
        words.append(f"until {status['until']}")
    return ", ".join([*words, *status["reasons"]])


def _stop(payload: dict[str, Any], step: Any, error: BaseException) -> None:
    """End the rollout that this process watched; what was ended before stays as it is."""
    from airworthy.stages import run_stage

    why = (
        error.problem
        if isinstance(error, AirworthyError)
        else f"the command was cut off: {type(error).__name__}"
    )
    try:
        run_stage("rollout", {**payload, "rollout_request": {"step": step, "stop": why}})
    except AirworthyError as also:
        log.error("the rollout's end was not recorded: %s", also.problem)


@contextmanager
def _terminated_as_exit() -> Iterator[None]:
    """Let SIGTERM end the block as an interrupt does, so that what it began is stopped."""
    if current_thread() is not main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def timed(name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do some work and log how long it took."""
    started = time.perf_counter()
    result = work()
    log.info("%s: %.1f s", name, time.perf_counter() - started)
    return result


@contextmanager
def model_server(environment: Environment) -> Iterator[None]:
    """Make sure that a model server answers: the environment's, or a real one of our own for as long as it takes."""
    from airworthy.release.open_server import open_server

    with open_server(environment) as known:
        if known.is_up():
            yield
            return
    from airworthy.serving.in_process_server import running_server

    before = os.environ.get("AIRWORTHY_SERVER_URL")
    with running_server(environment) as running:
        os.environ["AIRWORTHY_SERVER_URL"] = running.url
        try:
            yield
        finally:
            os.environ.pop("AIRWORTHY_SERVER_URL")
            if before is not None:
                os.environ["AIRWORTHY_SERVER_URL"] = before
