"""Addresses and files of the embedded stack."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.roles import load_roles
from airworthy_airflow.stack.users import VARIABLE, read_users

HOST = "127.0.0.1"
PORT_VARIABLES = {
    "airflow": ("AIRWORTHY_AIRFLOW_PORT", 8080),
    "mlflow": ("AIRWORTHY_MLFLOW_PORT", 5000),
    "server": ("AIRWORTHY_SERVER_PORT", 8000),
    # TCP for whoever asks for the metrics, UDP for Airflow, which sends some.
    "metrics": ("AIRWORTHY_METRICS_PORT", 9102),
}


@dataclass(frozen=True)
class Layout:
    """One stack: its project, its state folder (absolute), its ports on the loopback interface, and
    the roles of Airflow's further users by their names.
    """

    project: Path
    state: Path
    models: Path
    downloads: Path
    artifacts: str
    tracking_uri: str
    token_file: Path
    ports: Mapping[str, int]
    users: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The stack's own files: supervisord's, secrets, logs."""
        return self.state / "stack"

    @property
    def logs(self) -> Path:
        """One log file a part."""
        return self.folder / "logs"

    @property
    def airflow_home(self) -> Path:
        """Airflow's database and task logs."""
        return self.state / "airflow"

    @property
    def record(self) -> Path:
        """The record of the stack's supervisord: pid and start time."""
        return self.folder / "supervisord.json"

    @property
    def socket(self) -> Path:
        """Supervisord's control socket. Not under `state`: a socket's path may have 107 characters at most."""
        name = hashlib.sha256(str(self.state).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"airworthy-{os.getuid()}-{name}.sock"

    @property
    def env_file(self) -> Path:
        """A file for a user's shell to source. The ``airflow`` command then reaches this stack."""
        return self.state / "env"

    def url(self, part: str) -> str:
        """Return the address of ``airflow``, ``mlflow``, ``server`` or ``metrics``."""
        return f"http://{HOST}:{self.ports[part]}"


def load_layout() -> Layout:
    """Return the stack of the environment.

    Raises:
        TerminalError: when a port's variable holds no port, when two have the same one, when
            `AIRWORTHY_USERS` is wrong, or when the file of the environment or of the roles is.
    """
    ports = {part: _port(variable, default) for part, (variable, default) in PORT_VARIABLES.items()}
    _refuse_equal_ports(ports)
    environment = load_environment()
    return Layout(
        project=environment.project,
        state=environment.state,
        models=environment.models,
        downloads=environment.downloads,
        artifacts=environment.artifacts,
        tracking_uri=environment.tracking_uri,
        token_file=environment.server_token_file,
        ports=ports,
        users=read_users(os.environ.get(VARIABLE, ""), load_roles(environment.project).roles),
    )


def _refuse_equal_ports(ports: Mapping[str, int]) -> None:
    for port in ports.values():
        same = [part for part, other in ports.items() if other == port]
        if len(same) > 1:
            variables = [PORT_VARIABLES[part][0] for part in same]
            raise TerminalError(
                f"{' and '.join(same)} have the same port",
                received=", ".join(f"{variable}={port}" for variable in variables),
                allowed="a port of its own for each part",
                next_step=f"{variables[-1]}=<free port> make up",
            )


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise TerminalError("this is no port", received=f"{variable}={text}", allowed="1 to 65535")
    return int(text)
