"""``airworthy watch`` and ``drill``: watch a new champion, rehearse a rollback."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, manual_request
from airworthy.cli.completion import Model
from airworthy.cli.exit_codes import REFUSED
from airworthy.cli.json_output import Json, print_lines
from airworthy.days import floor_day
from airworthy.errors import TransientError
from airworthy.shown_text import one_line

if TYPE_CHECKING:
    from airworthy.handover import WatchStatus

log = logging.getLogger("airworthy.run")

_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 30.0
_MAX_FAILED_LOOKS = 30  # in a row


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("watch")(watch)
    app.command("drill")(drill)


def watch(
    model: Model,
    once: Annotated[bool, typer.Option("--once", help="Look once, and return.")] = False,
    run_id: Annotated[
        str | None, typer.Option(help="Complete the rollback that this run began.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Watch the new champion of MODEL until its watch is over. When it is bad, roll it back.

    Exits 0 when the watch is over, not over yet (--once), or there is nothing to watch. Exits 3
    when the champion was bad and traffic has gone back.
    """
    log_to_stderr()
    run = manual_request(model, floor_day(datetime.now(UTC)).isoformat(), run_id)
    status = _watch(run, once=once)
    print_lines(as_json, [status], [status_text(status)])
    if status.state == "tripped":
        _go_back(run, status, as_json)
        raise typer.Exit(REFUSED)


def drill(
    model: Model,
    as_json: Json = False,
) -> None:
    """Rehearse a rollback of MODEL in staging: back and forth, timed. Exits 3 when it failed."""
    from airworthy.handover import DrillResult
    from airworthy.stages import run_stage

    log_to_stderr()
    run = manual_request(model, floor_day(datetime.now(UTC)).isoformat())
    result = DrillResult.model_validate(run_stage("rollback_drill", {"run": run}))
    way = f"version {result.champion} -> version {result.predecessor} and back in staging"
    if result.passed:
        outcome = f"{result.back_seconds:.2f} s and {result.forth_seconds:.2f} s"
    else:
        outcome = f"failed: {'; '.join(result.reasons)}"
    print_lines(as_json, [result], [one_line(f"{model}: {way}: {outcome}")])
    if not result.passed:
        raise typer.Exit(REFUSED)


def watch_text(model: str, watched_until: str) -> str:
    """Return the words after a release about the watch of the new champion.

    Args:
        model: The model.
        watched_until: The planned end, ISO 8601.
    """
    until = datetime.fromisoformat(watched_until).astimezone(UTC)
    return (
        f"watched until {until:%Y-%m-%d %H:%M:%S} UTC by {model}__watch in Airflow, or by: "
        f"airworthy watch {model}"
    )


def status_text(status: WatchStatus) -> str:
    """Return a look's result in one line."""
    parts: list[str] = [status.state]
    if status.figures is not None:
        parts.append(f"{status.figures.requests:,} requests, {status.figures.errors:,} errors")
    if status.until is not None:
        parts.append(f"until {status.until:%Y-%m-%d %H:%M:%S} UTC")
    words = "; ".join([", ".join(parts), *status.reasons])
    return one_line(f"{status.model}: watch of version {status.version}: {words}")


def _watch(run: dict[str, Any], *, once: bool) -> WatchStatus:
    """Look until the watch has ended. Failed looks are repeated."""
    from airworthy.handover import WatchStatus
    from airworthy.stages import run_stage

    failed_looks = 0
    while True:
        pause = _LONGEST_SECONDS
        try:
            status = WatchStatus.model_validate(run_stage("watch", {"run": run}))
            if once or status.state != "watching":
                return status
            failed_looks, pause = 0, _pause(status)
        except TransientError as error:
            failed_looks += 1
            if once or failed_looks > _MAX_FAILED_LOOKS:
                raise
            log.warning("watch: %s; looking again", error.problem)
        time.sleep(pause)


def _pause(status: WatchStatus) -> float:
    """Return the seconds until the next look: a twentieth of the time since the release."""
    now, since, until = datetime.now(UTC), status.since, status.until
    if since is None or until is None:
        return _LONGEST_SECONDS
    pause = min((now - since).total_seconds() / 20, _LONGEST_SECONDS)
    return max(min(pause, (until - now).total_seconds()), _SHORTEST_SECONDS)


def _go_back(run: dict[str, Any], status: WatchStatus, as_json: bool) -> None:
    from airworthy.release.watch_record import rollback_of
    from airworthy.stages import run_stage

    done = run_stage("rollback", {"run": run, "rollback_request": rollback_of(status)})
    line = (
        f"{status.model}: version {done['to_version']} serves again instead of version "
        f"{done['from_version']}"
    )
    print_lines(as_json, [done], [line])
