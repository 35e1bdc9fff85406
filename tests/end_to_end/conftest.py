"""A real stack for the tests of this folder: its own state, its own free ports, small models."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from airflow_client.client import DagRunApi, DAGRunResponse, TaskInstanceResponse

from airworthy.environment import load_environment
from airworthy.errors import TransientError
from airworthy.handover import DatasetRef
from airworthy.lake import open_lake
from airworthy.lake.digest import frame_digest
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised, Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import (
    failed_logs,
    return_value,
    task_instances,
    task_log,
    trigger_run,
    wait_for_run,
)
from airworthy_airflow.stack.layout import PORT_VARIABLES, Layout, load_layout
from airworthy_airflow.stack.processes import members, read_record
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "airworthy_airflow.stack")
RUN_SECONDS = 900.0
NO_DEFAULT_GATES = [
    {"gate": gate, "because": "which version is better is of no interest here"}
    for gate in ("champion", "baseline", "slices")
]


def wait_until(condition: str, value: Callable[[], Any], within_seconds: float = 60.0) -> Any:
    """Return the first true value of a function; fail when none comes in time.

    Args:
        condition: The awaited condition, for the message.
        value: The function.
        within_seconds: The time limit.
    """
    deadline = time.monotonic() + within_seconds
    while not (answer := value()):
        assert time.monotonic() < deadline, f"waited {within_seconds} s for {condition}"
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Stack:
    """A running stack through its users' eyes: by command, REST, HTTP and its processes."""

    layout: Layout
    airflow: AirflowApi
    environment: dict[str, str]

    def command(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run ``up``, ``down`` or ``status`` on it."""
        return subprocess.run(
            [*COMMAND, name], env=self.environment, capture_output=True, text=True, check=False
        )

    def start(self, model: str, **conf: Any) -> str:
        """Start the model's train DAG by hand; return the run's id."""
        return trigger_run(self.airflow, f"{model}__train", conf)

    def finish(self, model: str, run_id: str) -> str:
        """Wait for a run's end; return its state, with the failed tasks' logs in the assertion's
        message.
        """
        state = self.end(model, run_id)
        logs = failed_logs(self.airflow, f"{model}__train", run_id)
        assert not logs, logs
        return state

    def end(self, model: str, run_id: str) -> str:
        """Wait for a run's end; return its state."""
        dag_id = f"{model}__train"
        try:
            return wait_for_run(self.airflow, dag_id, run_id, within_seconds=RUN_SECONDS)
        except TransientError as error:
            raise AssertionError(f"{error}\n{self.states(model, run_id)}") from error

    def runs(self, model: str) -> list[DAGRunResponse]:
        """Return the runs of the model's train DAG."""
        return DagRunApi(self.airflow).get_dag_runs(f"{model}__train", limit=100).dag_runs

    def states(self, model: str, run_id: str) -> dict[str, str | None]:
        """Return the state of every task of a run."""
        return {
            task.task_id: task.state.value if task.state is not None else None
            for task in task_instances(self.airflow, f"{model}__train", run_id)
        }

    def task(self, model: str, run_id: str, task_id: str) -> TaskInstanceResponse:
        """Return one task instance.

        Args:
            model: The model's name.
            run_id: The run's id.
            task_id: The task's id.
        """
        tasks = task_instances(self.airflow, f"{model}__train", run_id)
        return next(task for task in tasks if task.task_id == task_id)

    def log(self, model: str, run_id: str, task_id: str) -> str:
        """Return the log of a task's last try.

        Args:
            model: The model's name.
            run_id: The run's id.
            task_id: The task's id.
        """
        return task_log(self.airflow, self.task(model, run_id, task_id))

    def running_pid(self, model: str, run_id: str, task_id: str) -> int:
        """Wait until a task runs; return its process id.

        Args:
            model: The model's name.
            run_id: The run's id.
            task_id: The task's id.
        """

        def pid() -> int | None:
            task = self.task(model, run_id, task_id)
            return task.pid if task.state == "running" else None

        return int(wait_until(f"{task_id} to run", pid, RUN_SECONDS))

    def stage_output(self, model: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task's output.

        Args:
            model: The model's name.
            run_id: The run's id.
            task_id: The task's id.
        """
        result: dict[str, Any] = return_value(self.airflow, f"{model}__train", run_id, task_id)
        return result

    def served_version(self, model: str) -> str | None:
        """Return the version in the model server; None when it has none."""
        answer = httpx.get(f"{self.layout.url('server')}/models/{model}", trust_env=False)
        return str(answer.json()["version"]) if answer.status_code == 200 else None

    @property
    def mlflow_login(self) -> tuple[str, str]:
        """The login at MLflow's server."""
        return USER, ensure_secrets(self.layout).mlflow_password

    def versions(self, model: str) -> list[dict[str, Any]]:
        """Return the model's registered versions, as MLflow's server lists them."""
        address = f"{self.layout.url('mlflow')}/api/2.0/mlflow/model-versions/search"
        answer = httpx.get(
            address,
            params={"filter": f"name='{model}'"},
            auth=self.mlflow_login,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        result: list[dict[str, Any]] = answer.json().get("model_versions", [])
        return result

    def check_records(self, model: str, run_id: str) -> None:
        """Assert that lake, ledger and registry agree: digests, an unbroken chain, one entry a
        version.
        """
        environment = load_environment()
        dataset = DatasetRef.model_validate(self.stage_output(model, run_id, "ingest"))
        lake = open_lake(environment, model)
        result = {
            day: frame_digest(lake.read_partition(dataset, date.fromisoformat(day)))
            for day in dataset.partitions
        }
        assert result == dataset.partitions
        ledger = open_ledger(environment, model)
        assert ledger.first_broken_entry() is None
        registered = [entry.event.version for entry in of_kind(ledger.entries(), Registration)]
        assert sorted(registered) == sorted(version["version"] for version in self.versions(model))

    def processes(self) -> list[psutil.Process]:
        """Return every living process of the stack."""
        return members(self.layout)

    def parts(self) -> set[int]:
        """Return the process ids of the stack's parts, without those of the parts' own children."""
        supervisor = read_record(self.layout)
        assert supervisor is not None
        return {process.pid for process in psutil.Process(supervisor.pid).children()}


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with three models.

    ``eta`` trains in a second, ``slow`` in many; ``gated`` is released step by step, after a
    person's approval.
    """
    folder = tmp_path_factory.mktemp("stack")
    project = write_project(folder / "project", Path(__file__).parent / "users_dags.py")
    write_model(folder / "models", "eta")
    slow = {
        "rounds": 2000,
        "early_stopping_rounds": 2000,
        "parameters": {"learning_rate": 0.001, "max_depth": 8},
    }
    write_model(folder / "models", "slow", slow)
    write_model(
        folder / "models",
        "gated",
        release={"approval": "required", "rollout": ["shadow", 50, "full"], "bake": "5s"},
    )
    with running_stack(folder, project) as running:
        yield running


@contextmanager
def running_stack(folder: Path, project: Path, **settings: str) -> Iterator[Stack]:
    """Start a stack on free ports, with its state and its models in a folder; end it at the end.

    Args:
        folder: The folder with ``models``; it gets ``state``.
        project: The project.
        **settings: Further variables of the stack.
    """
    ports = free_ports(len(PORT_VARIABLES))
    variables = {
        "AIRWORTHY_PROJECT": str(project),
        "AIRWORTHY_STATE": str(folder / "state"),
        "AIRWORTHY_MODELS": str(folder / "models"),
        **{name: str(port) for (name, _), port in zip(PORT_VARIABLES.values(), ports, strict=True)},
        **settings,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        layout, environment = load_layout(), dict(os.environ)
        done = subprocess.run(
            [*COMMAND, "up"], env=environment, capture_output=True, text=True, check=False, umask=0
        )
        try:
            assert done.returncode == 0, done.stdout + done.stderr
            airflow = AirflowApi(layout.url("airflow"), USER, ensure_secrets(layout).password)
            yield Stack(layout, airflow, environment)
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=True, capture_output=True)


def write_project(folder: Path, *own_dags: Path) -> Path:
    """Link this project into a folder, with a user's own DAG files beside ours."""
    (folder / "dags").mkdir(parents=True)
    for path in PROJECT.iterdir():
        if path.name not in ("dags", ".airworthy"):
            (folder / path.name).symlink_to(path)
    for path in (*(PROJECT / "dags").glob("*.py"), *own_dags):
        shutil.copy(path, folder / "dags")
    return folder


def write_model(
    models: Path,
    name: str,
    train: dict[str, Any] | None = None,
    release: dict[str, Any] | None = None,
) -> None:
    """Copy the shipped ``delivery_eta`` under another name, with few rows.

    Args:
        models: The folder of models.
        name: The copy's name.
        train: Keys of the train part.
        release: Keys of the release part.
    """
    shipped = PROJECT / "include" / "models" / "delivery_eta"
    shutil.copytree(shipped, models / name)
    spec = yaml.safe_load((shipped / "model.yaml").read_text(encoding="utf-8"))
    spec["model"] = name
    spec["ingest"]["source"]["rows_per_day"] = 400
    spec["train"].update(lookback="14d", **(train or {}))
    spec["evaluate"].update(gates=[{"metric": "rmse", "max": 1000.0}], waive=NO_DEFAULT_GATES)
    spec["release"] = {**spec.get("release", {}), **(release or {})}
    (models / name / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


def alerts_of(model: str) -> list[dict[str, Any]]:
    """Return the alerts in a model's ledger, as they are stored."""
    entries = open_ledger(load_environment(), model).entries()
    return [dict[str, Any](entry.event.alert) for entry in of_kind(entries, AlertRaised)]


def free_ports(count: int) -> list[int]:
    """Return free ports."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
