"""A release in this process: staging, approval, every rollout step, production."""

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
from typing import TYPE_CHECKING, Any

import typer

from airworthy.cli.approver import Approver, approver_of
from airworthy.cli.watch_commands import watch_text
from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.shown_text import one_line

if TYPE_CHECKING:
    from airworthy.handover import GuardedStep
    from airworthy.release.release_rules import ReleaseRules

log = logging.getLogger("airworthy.run")

_POLL_SECONDS = 1.0
_MAX_FAILED_POLLS = 30  # in a row
_LOG_SECONDS = 30.0
_FIRST_REPORT_SECONDS, _REPORT_POLL_SECONDS = 10.0, 0.2


def release_version(payload: dict[str, Any], approve: str | None) -> dict[str, Any]:
    """Release a registered version and return the payload with the outputs of the stages.

    Without ``deployment`` in it, the version waits for an approval. With ``approved_run``, a run of
    Airflow waited for this approval, and goes on with the release. An error or a signal stops the
    rollout: no version stays in traffic without a guard.

    Args:
        payload: The outputs of the stages up to ``register``, and ``run``.
        approve: The caller's comment on the approval, which is recorded; None: no approval.

    Raises:
        TerminalError: when the caller may not approve, staging rejects the version, the guard trips,
            or it cannot be released.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    from airworthy.handover import RunRequest
    from airworthy.job import open_job
    from airworthy.release.release_rules import release_rules
    from airworthy.stages import run_stage

    job = open_job(RunRequest.model_validate(payload["run"]))
    rules = release_rules(job.spec, job.environment)
    approver = None if approve is None else approver_of(job, rules, payload["version"], approve)
    if approver is not None and approver.answered_run is not None:
        payload["approved_run"], payload["approved_by"] = approver.answered_run, approver.who
        return payload
    with _model_server(job.environment):
        payload["parity"] = run_timed(
            "deploy_staging", lambda: run_stage("deploy_staging", payload)
        )
        if rules.approval == "required" and approver is None:
            return payload
        if approve is not None and approver is not None:
            payload["approval"] = _approve(payload, approver, approve)
        _roll_out(payload, rules)
    return payload


def _approve(payload: dict[str, Any], approver: Approver, comment: str) -> dict[str, Any]:
    from airworthy.stages import run_stage

    answer = {
        "decision": "approve",
        "who": approver.who,
        "proved_by": approver.proved_by,
        "user": approver.user,
        "comment": comment.strip(),
        "at": datetime.now(UTC).isoformat(),
    }
    return run_stage("approval", {**payload, "approval_answer": answer})


def _roll_out(payload: dict[str, Any], rules: ReleaseRules) -> None:
    """Guard every rollout step, then deploy. Adds the deployment to the payload."""
    from airworthy.stages import run_stage

    step = None
    try:
        with _sigterm_as_exit():
            for step in rules.guarded_steps:
                if not _guard_step(payload, step):
                    break
            payload["deployment"] = run_timed(
                "deploy_production", lambda: run_stage("deploy_production", payload)
            )
    except BaseException as error:
        if step is not None:
            _stop_rollout(payload, step, error)
        raise


def release_object(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a release's result: the outputs of its stages by name, and its run's id.

    With ``approved_run``, a run of Airflow goes on. Without ``deployment``, the version waits for an
    approval, or was not to be released.
    """
    names = ("version", "parity", "approval", "approved_run", "approved_by", "deployment")
    run = {"model": payload["run"]["model"], "run_id": payload["run"]["run_id"]}
    return run | {name: payload.get(name) for name in names}


def print_release(payload: dict[str, Any]) -> None:
    """Print the result of a release and its reason, or the command to approve it."""
    version, deployment = payload["version"], payload.get("deployment")
    if "approved_run" in payload:
        run = f"{version['model']}__train/{payload['approved_run']}"
        who = one_line(payload["approved_by"])
        typer.echo(
            f"champion: not yet: approved by {who} in Airflow, whose run {run} "
            "goes on with the release"
        )
    elif deployment:
        promoted = "yes" if deployment["promoted"] else "no"
        typer.echo(f"champion: {promoted}: {one_line(deployment['reason'])}")
        if deployment.get("watched_until"):
            typer.echo(watch_text(deployment["model"], deployment["watched_until"]))
    elif "parity" in payload:
        command = f"airworthy release {version['model']} {version['version']} --approve COMMENT"
        typer.echo(f"champion: not yet: it waits for an approval: {command}")


def _guard_step(payload: dict[str, Any], step: GuardedStep) -> bool:
    """Poll a step until it ends. False when the version is held: production gives the blockers.

    Raises:
        TerminalError: when the rollout was ended.
    """
    failed_polls, last_log = 0, (0.0, "")
    while True:
        try:
            status = _poll_step(payload, step)
            failed_polls = 0
        except TransientError as error:
            failed_polls += 1
            if failed_polls > _MAX_FAILED_POLLS:
                raise
            log.warning("rollout %s: %s; looking again", step, error.problem)
            time.sleep(_POLL_SECONDS)
            continue
        logged_at, logged_state = last_log
        if logged_state != status["state"] or time.monotonic() > logged_at + _LOG_SECONDS:
            log.info("rollout %s: %s", step, _status_text(status))
            last_log = (time.monotonic(), status["state"])
        if status["state"] == "tripped":
            raise _tripped(payload, status)
        if status["state"] in ("done", "held"):
            return bool(status["state"] == "done")
        time.sleep(_POLL_SECONDS)


def _poll_step(payload: dict[str, Any], step: GuardedStep) -> dict[str, Any]:
    from airworthy.stages import run_stage

    return run_stage("rollout", {**payload, "rollout_request": {"step": step}})


def _tripped(payload: dict[str, Any], status: dict[str, Any]) -> TerminalError:
    model, reasons = payload["run"]["model"], "; ".join(status["reasons"])
    return TerminalError(
        f"the rollout was ended, the champion has all of the traffic: {reasons}",
        model=model,
        stage="rollout",
        received=f"version {status['version']}, step {status['step']}",
        next_step=f"airworthy ledger {model}",
    )


def _status_text(status: dict[str, Any]) -> str:
    figures, parts = status["challenger"], [status["state"]]
    if figures:
        parts.append(f"{figures['requests']:,} requests, {figures['errors']:,} errors")
    if figures and figures["p99_ms"] is not None:
        parts.append(f"p99 {figures['p99_ms']:.1f} ms")
    if status["state"] == "baking":
        parts.append(f"until {status['until']}")
    return ", ".join([*parts, *status["reasons"]])


def _stop_rollout(payload: dict[str, Any], step: GuardedStep, error: BaseException) -> None:
    """End the rollout of this process, unless it has ended."""
    from airworthy.stages import run_stage

    reason = (
        error.problem
        if isinstance(error, AirworthyError)
        else f"the command was cut off: {type(error).__name__}"
    )
    try:
        run_stage("rollout", {**payload, "rollout_request": {"step": step, "stop": reason}})
    except AirworthyError as stop_error:
        log.error("the rollout's end was not recorded: %s", stop_error.problem)


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Raise `SystemExit` in the block on SIGTERM, so that its rollout is stopped."""
    if current_thread() is not main_thread():
        yield
        return

    def raise_exit(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, raise_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_timed(name: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Call a function, log its duration in seconds under a name, and return its result."""
    started = time.perf_counter()
    result = function()
    log.info("%s: %.1f s", name, time.perf_counter() - started)
    return result


@contextmanager
def _model_server(environment: Environment) -> Iterator[None]:
    """Run the block with a model server: the environment's, else one in this process.

    A server in this process is one more of the environment's servers: the release waits for all
    that report, and for one that was killed until its lease is over.
    """
    if _has_server(environment):
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


def _has_server(environment: Environment) -> bool:
    """Tell whether a server answers at the environment's address, and servers report."""
    from airworthy.release.open_server import open_server
    from airworthy.traffic.replica_reports import open_replica_reports

    with open_server(environment) as server:
        if not server.is_up():
            return False
    reports, until = open_replica_reports(environment), time.monotonic() + _FIRST_REPORT_SECONDS
    while time.monotonic() < until:
        if any(replica.is_live(datetime.now(UTC)) for replica in reports.read()):
            return True
        # A server that has just started may not be ready.
        time.sleep(_REPORT_POLL_SECONDS)
    log.warning(
        "the model server at %s does not report below %s: it follows another record",
        environment.server_url,
        reports.store.uri,
    )
    return False
