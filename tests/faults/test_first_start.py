"""A first start may be killed, or be two at once; and a proxy is in nobody's way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from airworthy.environment import load_environment
from airworthy.loopback import keep_loopback_direct
from airworthy.registry.mlflow_database import ensure_database, follow_moved_artifacts
from airworthy.registry.tracking import connect, experiment_id
from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.secret_keys import Secrets
from airworthy_airflow.stack.settings import process_environment

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package

CONNECT = (
    "from airworthy.environment import load_environment\n"
    "from airworthy.registry.tracking import connect, experiment_id\n"
    "environment = load_environment()\n"
    "print(experiment_id(environment, connect(environment), 'eta'))\n"
)


def start() -> subprocess.Popen[str]:
    """Start a process that needs MLflow's database."""
    return subprocess.Popen([sys.executable, "-c", CONNECT], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder that nothing has used."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    return tmp_path


def test_a_first_start_that_was_killed_is_in_nobodys_way(state: Path) -> None:
    """It is killed while it makes the tables; two at once come after it."""
    killed = start()
    part = state / ".mlflow.db.part"
    eventually("tables are made", lambda: part.exists() and part.stat().st_size > 0)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (state / "mlflow.db").exists()
    both = [start(), start()]
    ended = [each.communicate()[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert len(set(ended)) == 1


def test_what_an_older_version_left_half_made_is_set_aside(state: Path) -> None:
    """Its tables broke every later run: one of them exists already."""
    with closing(sqlite3.connect(state / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE datasets (dataset_uuid VARCHAR(36))")
    environment = load_environment()
    assert experiment_id(environment, connect(environment), "eta")
    assert [path.name for path in state.glob("*half-made*")] == ["mlflow.db.half-made-1"]


def test_the_artifacts_of_a_moved_state_folder_are_found(tmp_path: Path) -> None:
    """MLflow stores absolute paths. They follow the folder."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "artifacts" / "eta").mkdir(parents=True)
    uri = f"sqlite:///{old}/mlflow.db"
    ensure_database(uri, str(old / "artifacts"))
    with closing(sqlite3.connect(old / "mlflow.db")) as connection, connection:
        location = (old / "artifacts" / "eta").as_uri()
        query = "INSERT INTO experiments (name, artifact_location, workspace) VALUES ('eta', ?, 'default')"
        connection.execute(query, [location])
    old.rename(new)
    moved_uri = f"sqlite:///{new}/mlflow.db"
    assert follow_moved_artifacts(moved_uri, str(new / "artifacts")) == 2
    assert follow_moved_artifacts(moved_uri, str(new / "artifacts")) == 0
    with closing(sqlite3.connect(new / "mlflow.db")) as connection:
        found = connection.execute("SELECT artifact_location FROM experiments WHERE name = 'eta'")
        assert found.fetchone() == ((new / "artifacts" / "eta").as_uri(),)


def test_no_task_asks_a_proxy_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    """The shell has a proxy, which nothing listens at."""
    variables = {"HTTP_PROXY": "http://127.0.0.1:9", "no_proxy": "intern.example"}
    secrets = Secrets(*["a secret"] * len(Secrets.__dataclass_fields__))
    environment = process_environment(load_layout(), secrets, variables)
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, environment[name])
    assert "intern.example" in os.environ["NO_PROXY"]
    for host in ("127.0.0.1", "localhost", "[::1]"):
        address = httpx.URL(f"http://{host}:8000")
        with httpx.Client() as client:
            assert client._transport_for_url(address) is client._transport


def test_a_command_keeps_this_machine_off_a_proxy() -> None:
    """An exclusion that is there already stays, once."""
    variables = {"NO_PROXY": "localhost,intern.example"}
    keep_loopback_direct(variables)
    keep_loopback_direct(variables)
    assert variables["NO_PROXY"] == variables["no_proxy"]
    assert variables["NO_PROXY"].split(",") == ["localhost", "intern.example", "127.0.0.1", "::1"]
