"""The tutorial and the pages on REST, typed into a shell in a copy of the project, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import polars as pl
import pytest
from airflow_client.client import DagRunApi
from tests.docs.clone import Terminal, clone
from tests.docs.pages import blocks_for

from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import failed_logs, wait_for_dag, wait_for_run
from airworthy_airflow.stack.layout import PORT_VARIABLES

from .conftest import RUN_SECONDS, free_ports, wait_until

TUTORIAL = "docs/tutorial/own_csv.md"
DAG = "rents__train"
MAX_COMMANDS, MIN_ROWS = 6, 5000
HERE = "tests/end_to_end/test_tutorial.py"


@dataclass(frozen=True)
class Newcomer:
    """A person with a terminal in a clone, who looks at Airflow between two commands."""

    project: Path
    terminal: Terminal
    ports: dict[str, int]

    @property
    def airflow(self) -> AirflowApi:
        """Airflow, with the login that `make up` prints."""
        passwords = self.project / ".airworthy" / "stack" / "passwords.json"
        [(user, password)] = list(json.loads(passwords.read_text(encoding="utf-8")).items())[:1]
        return AirflowApi(f"http://127.0.0.1:{self.ports['airflow']}", user, password)

    def wait_after(self, command: str) -> None:
        """Wait as the page says: for the DAG in the list, and for the run's green end."""
        if command.startswith("airworthy new-model"):
            wait_for_dag(self.airflow, DAG, RUN_SECONDS)
        if command.startswith("airflow dags unpause"):
            [run] = wait_until("a run", self.runs, RUN_SECONDS)
            state = wait_for_run(self.airflow, DAG, run, within_seconds=RUN_SECONDS)
            assert state == "success", failed_logs(self.airflow, DAG, run)

    def runs(self) -> list[str]:
        """Return the ids of the model's train runs."""
        return [run.dag_run_id for run in DagRunApi(self.airflow).get_dag_runs(DAG).dag_runs]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """A fresh clone, a terminal in it, and free ports instead of the usual ones."""
    folder = tmp_path_factory.mktemp("newcomer")
    project = clone(folder)
    free = dict(zip(PORT_VARIABLES, free_ports(len(PORT_VARIABLES)), strict=True))
    ports = {name: (usual, free[part]) for part, (name, usual) in PORT_VARIABLES.items()}
    with Terminal(project, folder / "home", ports) as terminal:
        try:
            yield Newcomer(project, terminal, free)
        finally:
            with Terminal(project, folder / "home", ports) as another:
                another.run("make down")


def test_the_tutorial_leads_from_a_csv_to_a_prediction_served_through_airflow(
    newcomer: Newcomer,
) -> None:
    """At most six commands and no edit; the rows are none of a shipped model's."""
    commands = [each for block in blocks_for(HERE, TUTORIAL) for each in block.commands]
    assert len(commands) <= MAX_COMMANDS
    answer = ""
    for command in commands:
        answer = newcomer.terminal.run(command)
        newcomer.wait_after(command)

    rows = pl.read_csv(newcomer.project / "rents.csv", separator=";", infer_schema=False)
    assert rows.height >= MIN_ROWS
    assert all("rents.csv" not in path.read_text("utf-8") for path in _shipped_specs())
    predictions = json.loads(answer)["predictions"]
    assert predictions
    assert all(200 < each < 4000 for each in predictions)
    server = f"http://127.0.0.1:{newcomer.ports['server']}/models/rents"
    served = httpx.get(server, trust_env=False).json()["version"]
    assert json.loads(answer)["version"] == served


@pytest.mark.parametrize("page", ["docs/how-to/rest.md", "docs/how-to/backfill.md"])
def test_the_pages_on_airflow_go_on_where_the_tutorial_ends(newcomer: Newcomer, page: str) -> None:
    """Each block that names this test runs as it stands, against the tutorial's model."""
    blocks = blocks_for(HERE, page)
    assert blocks
    for block in blocks:
        newcomer.terminal.run(block.text)


def _shipped_specs() -> list[Path]:
    models = Path(__file__).resolve().parents[2] / "include" / "models"
    return sorted(models.glob("*/model.yaml"))
