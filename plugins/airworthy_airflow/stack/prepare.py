"""Makes or upgrades the two databases before the parts start. The parts would race to do it.

A new database is made in a file that gets its name when it is whole: a start that is killed leaves
nothing that the next one stumbles over.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from airworthy.errors import TerminalError
from airworthy.registry.sqlite_database import make_whole
from airworthy_airflow.stack.layout import Layout

_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# Airflow writes it after the last table.
_PROOF = "SELECT 1 FROM alembic_version LIMIT 1"


def prepare_databases(layout: Layout, environment: dict[str, str]) -> None:
    """Bring Airflow's and MLflow's databases to their current schema, both at once.

    Raises:
        TerminalError: when one cannot be upgraded. It has the command's output.
    """
    layout.airflow_home.mkdir(parents=True, exist_ok=True)
    mlflow = [sys.executable, "-m", "airworthy_airflow.stack.mlflow_database"]
    jobs: list[Callable[[], None]] = [
        lambda: _prepare_airflow(layout, environment),
        lambda: _run("MLflow's", mlflow, layout, environment),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for ended in [pool.submit(job) for job in jobs]:
            ended.result()


def _prepare_airflow(layout: Layout, environment: dict[str, str]) -> None:
    command = [str(Path(sys.executable).parent / "airflow"), "db", "migrate"]

    def make(part: Path) -> None:
        variables = {**environment, _CONNECTION: f"sqlite:///{part}"}
        _run("Airflow's", command, layout, variables)

    database = layout.airflow_home / "airflow.db"
    was_there = database.exists()
    make_whole(database, make, _PROOF)
    if was_there:
        _run("Airflow's", command, layout, environment)


def _run(name: str, command: list[str], layout: Layout, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        command,
        env=environment,
        cwd=layout.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise TerminalError(
            f"{name} database could not be prepared:\n{ended.stdout[-3000:]}",
            received=layout.state,
            next_step="read the message above",
        )
