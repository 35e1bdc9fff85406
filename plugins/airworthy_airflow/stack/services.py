"""The stack's parts as services of systemd, which starts, restarts and ends them (``infra/ansible``)."""

from __future__ import annotations

import os

from airworthy.errors import TerminalError
from airworthy_airflow.stack.control import write_env_file
from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.prepare import prepare_databases
from airworthy_airflow.stack.programs import part_commands
from airworthy_airflow.stack.secret_keys import ensure_secrets
from airworthy_airflow.stack.settings import process_environment
from airworthy_airflow.stack.state_folder import UMASK, close_state


def prepare(layout: Layout, inherited: dict[str, str]) -> None:
    """Close the state folder; make secrets and databases, or bring the databases up to date.

    Args:
        layout: The stack.
        inherited: The service's environment variables.

    Raises:
        TerminalError: when a database cannot be made or upgraded.
    """
    close_state(layout.state)
    layout.folder.mkdir(exist_ok=True)
    secrets = ensure_secrets(layout)
    write_env_file(layout, secrets)
    prepare_databases(layout, process_environment(layout, secrets, inherited))


def run_part(layout: Layout, name: str, inherited: dict[str, str]) -> None:
    """Become a part: this process is replaced by it.

    Args:
        layout: The stack.
        name: The part's name.
        inherited: The service's environment variables.

    Raises:
        TerminalError: when there is no such part.
    """
    commands = part_commands(layout)
    if name not in commands:
        raise TerminalError("there is no such part", received=name, allowed=", ".join(commands))
    os.umask(UMASK)
    environment = process_environment(layout, ensure_secrets(layout), inherited)
    os.chdir(layout.folder)
    os.execve(commands[name][0], commands[name], environment)  # noqa: S606
