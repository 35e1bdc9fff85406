"""Makes or upgrades the two databases before the parts start. The parts would race to do it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from airworthy.errors import TerminalError
from airworthy_airflow.stack.layout import Layout


def prepare_databases(layout: Layout, environment: dict[str, str]) -> None:
    """Bring Airflow's and MLflow's databases to their current schema, both at once.

    Raises:
        TerminalError: when one cannot be upgraded. It has the command's output.
    """
    layout.airflow_home.mkdir(parents=True, exist_ok=True)
    commands = {
        "Airflow's": [str(Path(sys.executable).parent / "airflow"), "db", "migrate"],
        "MLflow's": [sys.executable, "-m", "airworthy_airflow.stack.mlflow_database"],
    }
    running = {
        name: subprocess.Popen(
            command,
            env=environment,
            cwd=layout.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, command in commands.items()
    }
    outputs = {name: process.communicate()[0] for name, process in running.items()}
    for name, process in running.items():
        if process.returncode != 0:
            raise TerminalError(
                f"{name} database could not be prepared:\n{outputs[name][-3000:]}",
                received=layout.state,
                next_step="read the message above",
            )
