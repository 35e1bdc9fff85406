"""Brings the embedded stack up and down."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from airworthy.errors import TerminalError
from airworthy.serving.port_owner import owner_in_words
from airworthy_airflow.stack.health import health, port_taken
from airworthy_airflow.stack.layout import PORT_VARIABLES, Layout
from airworthy_airflow.stack.prepare import prepare_databases
from airworthy_airflow.stack.processes import end, members, read_record, stop_supervisord
from airworthy_airflow.stack.secret_keys import (
    USER,
    Secrets,
    ensure_secrets,
    user_passwords,
    write_private,
)
from airworthy_airflow.stack.settings import process_environment, user_environment
from airworthy_airflow.stack.startup_progress import Report, progress
from airworthy_airflow.stack.startup_watch import StartupWatch
from airworthy_airflow.stack.state_folder import close_state
from airworthy_airflow.stack.supervision import log_tail, part_states, start_supervisord

STALLED_AFTER_SECONDS = 300
STOPPED_WITHIN_SECONDS = 45
POLL_SECONDS = 0.5


class StalledError(TerminalError):
    """Nothing moves any more during a start."""


def up(layout: Layout, console: Console, inherited: dict[str, str]) -> None:
    """Start every part and wait until all are healthy. A running stack is left as it is.

    Args:
        layout: The stack.
        console: The console for the progress.
        inherited: The environment variables of the starting shell.

    Raises:
        TerminalError: when a port is taken, or a part fails: nothing of the stack runs then, nor
            after an interruption. Also when nothing moves for `STALLED_AFTER_SECONDS`: the stack
            stays as it is then.
    """
    close_state(layout.state)
    layout.folder.mkdir(exist_ok=True)
    try:
        with FileLock(layout.folder / "up.lock", timeout=0):
            _up(layout, console, inherited)
    except Timeout:
        raise TerminalError(
            "another command is bringing this stack up",
            received=layout.state,
            next_step="wait for it, or: make down",
        ) from None


def down(layout: Layout) -> int:
    """End every process of the stack, also after a crash, and return their number."""
    supervisor = read_record(layout)
    belonging = members(layout)
    if supervisor is not None and supervisor.alive:
        stop_supervisord(supervisor, STOPPED_WITHIN_SECONDS)
    while left := members(layout):
        end(left)
    layout.record.unlink(missing_ok=True)
    layout.socket.unlink(missing_ok=True)
    return len(belonging)


def addresses(layout: Layout) -> str:
    """Return the parts' addresses and the logins."""
    secrets = ensure_secrets(layout)
    passwords = user_passwords(layout)
    return "\n".join(
        [
            f"Airflow       {layout.url('airflow')}   login: {USER} / {secrets.password}",
            *(
                f"  {role:12}{layout.url('airflow')}   login: {name} / {passwords[name]}"
                for name, role in layout.users.items()
            ),
            f"MLflow        {layout.url('mlflow')}   login: {USER} / {secrets.mlflow_password}",
            f"model server  {layout.url('server')}/models",
            f"metrics       {layout.url('metrics')}/metrics, {layout.url('server')}/metrics",
            f"state, logs   {layout.state}",
            f"airflow CLI   source {shlex.quote(str(layout.env_file))}",
        ]
    )


def _up(layout: Layout, console: Console, inherited: dict[str, str]) -> None:
    supervisor = read_record(layout)
    if supervisor is not None and supervisor.alive:
        with progress(console, "The stack is up already; looking at its parts") as report:
            _wait_until_healthy(layout, report)
        return
    down(layout)
    _refuse_taken_ports(layout)
    secrets = ensure_secrets(layout)
    environment = process_environment(layout, secrets, inherited)
    write_env_file(layout, secrets)
    try:
        with progress(
            console, "Preparing the databases (a quarter of a minute the first time)"
        ) as report:
            prepare_databases(layout, environment)
            report("Starting Airflow, MLflow and the model server")
            process = start_supervisord(layout, environment)
            _wait_until_healthy(layout, report, process)
    except StalledError:
        raise
    except BaseException:
        down(layout)
        raise


def _refuse_taken_ports(layout: Layout) -> None:
    for part, (variable, _) in PORT_VARIABLES.items():
        if port_taken(layout.ports[part]):
            raise TerminalError(
                f"port {layout.ports[part]}, meant for {part}, is taken by "
                f"{owner_in_words(layout.ports[part])}",
                received=f"{variable}={layout.ports[part]}",
                allowed="a free port",
                next_step=f"end that program, or: {variable}=<free port> make up",
            )


def _wait_until_healthy(
    layout: Layout, report: Report, process: subprocess.Popen[bytes] | None = None
) -> None:
    watch = StartupWatch(layout.logs)
    while True:
        found = health(layout)
        waiting = {part: state for part, state in found.items() if state != "healthy"}
        if not waiting:
            return
        states = part_states(layout)
        failed = [part for part, state in states.items() if state == "FATAL"]
        if failed or (process is not None and process.poll() is not None):
            part = failed[0] if failed else next(iter(waiting))
            raise _failed_start(
                TerminalError,
                layout,
                waiting,
                problem=f"{part} {'stopped' if failed else waiting[part]}",
                part=part,
                next_step=f"look into {layout.logs}, then: make up",
            )
        if watch.stalled_seconds(waiting) > STALLED_AFTER_SECONDS:
            part = next(iter(waiting))
            raise _failed_start(
                StalledError,
                layout,
                waiting,
                problem=f"{part} {waiting[part]}, and nothing has moved for "
                f"{STALLED_AFTER_SECONDS} s",
                part=part,
                next_step="the stack was left as it is: make up waits again, make down ends it; "
                f"logs: {layout.logs}",
            )
        report("Waiting for " + ", ".join(waiting))
        time.sleep(POLL_SECONDS)


def _failed_start(
    kind: type[TerminalError],
    layout: Layout,
    waiting: Mapping[str, str],
    *,
    problem: str,
    part: str,
    next_step: str,
) -> TerminalError:
    return kind(
        f"{problem}; the end of its log:\n{log_tail(layout, part)}",
        received=", ".join(f"{name}: {state}" for name, state in waiting.items()),
        allowed="every part healthy",
        next_step=next_step,
    )


def write_env_file(layout: Layout, secrets: Secrets) -> None:
    """Write the file that a user's shell sources to reach this stack."""
    lines = [
        f"export {key}={shlex.quote(value)}"
        for key, value in user_environment(layout, secrets).items()
    ]
    binaries = shlex.quote(str(Path(sys.executable).parent))
    write_private(layout.env_file, "\n".join([*lines, f'export PATH={binaries}:"$PATH"', ""]))
