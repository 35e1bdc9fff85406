"""Airworthy on several machines, as docs/design/distributed.md says: by environment variables alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from airflow_client.client import (
    TaskInstanceApi,
    TaskInstanceResponse,
    UpdateHITLDetailPayload,
)
from tests.end_to_end.conftest import wait_until

from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import (
    failed_logs,
    return_value,
    task_instances,
    trigger_run,
    wait_for_run,
)

from .machines import Machine, Network, Processes
from .settings import BINARIES, Settings
from .workers import Workers

RUN_SECONDS = 600.0
START_SECONDS = 300.0
USER = "admin"


@dataclass
class Deployment:
    """Airflow with Celery workers, MLflow's server and a model server, through their users' eyes.

    Each part has a folder of its own in `folder`; each worker has a machine of its own.
    """

    folder: Path
    network: Network
    settings: Settings
    processes: Processes
    machines: list[Machine] = field(default_factory=list)

    @property
    def airflow(self) -> AirflowApi:
        """Airflow's API, as the first user."""
        return AirflowApi(self.settings.addresses.airflow, USER, self.settings.password)

    @property
    def workers(self) -> Workers:
        """The workers, over the broker."""
        return Workers(self.settings.services.redis)

    def prepare(self) -> None:
        """Make Airflow's tables and its first user."""
        # With "=": a random password may begin with "-".
        user = ["--username", USER, f"--password={self.settings.password}", "--role", "Admin"]
        person = ["--firstname", "Air", "--lastname", "Worthy", "--email", "admin@example.org"]
        airflow = str(BINARIES / "airflow")
        self._finish(airflow, "db", "migrate")
        self._finish(sys.executable, "-m", "airworthy_fab_roles")
        self._finish(airflow, "users", "create", *user, *person)

    def start_mlflow(self) -> None:
        """Start MLflow's server, which keeps the models' files too."""
        address = httpx.URL(self.settings.addresses.mlflow)
        command = [sys.executable, "-m", "airworthy_airflow.stack.mlflow_server"]
        command += ["--host", address.host, "--port", str(address.port)]
        command += ["--artifacts-destination", self.settings.storage.artifacts]
        command += ["--allowed-hosts", f"{address.host}:{address.port}"]
        variables = self.settings.of_part(self.folder / "mlflow")
        variables["MLFLOW_BACKEND_STORE_URI"] = self.settings.services.databases["mlflow"]
        self.processes.start("mlflow", command, variables)

    def start_model_server(self) -> None:
        """Start the model server that releases go to."""
        address = httpx.URL(self.settings.addresses.server)
        command = [sys.executable, "-m", "airworthy", "serve"]
        command += ["--host", address.host, "--port", str(address.port)]
        variables = self.settings.of_part(self.folder / "server")
        self.processes.start("server", command, variables)

    def start_airflow(self) -> None:
        """Start Airflow's parts but the workers, each with a folder of its own."""
        for part in ("api-server", "scheduler", "dag-processor", "triggerer"):
            command = [str(BINARIES / "airflow"), part]
            self.processes.start(part, command, self.settings.of_part(self.folder / part))

    def start_worker(self) -> None:
        """Start a worker on a machine of its own."""
        machine = self.network.add_machine()
        command = [str(BINARIES / "airflow"), "celery", "worker"]
        variables = self.settings.of_worker(self.network.folder)
        self.processes.start(machine.address, machine.command(command), variables)
        self.machines.append(machine)

    def wait_for_health(self) -> None:
        """Wait until every part answers."""
        addresses = self.settings.addresses
        for url in (f"{addresses.mlflow}/health", f"{addresses.server}/health/ready"):
            wait_until(f"an answer of {url}", partial(_answers, url), START_SECONDS)
        wait_until("Airflow's parts to be healthy", self._airflow_is_healthy, START_SECONDS)
        count = len(self.machines)
        wait_until("the workers", lambda: self.workers.answering(count), START_SECONDS)

    def start(self, model: str, **conf: Any) -> str:
        """Start the model's train DAG by hand; return the run's id."""
        return trigger_run(self.airflow, f"{model}__train", conf)

    def finish(self, model: str, run_id: str) -> str:
        """Wait for a run's end; return its state. A failed task's log is in the message."""
        dag_id = f"{model}__train"
        state = wait_for_run(self.airflow, dag_id, run_id, within_seconds=RUN_SECONDS)
        logs = failed_logs(self.airflow, dag_id, run_id)
        assert not logs, logs
        return state

    def tasks(self, model: str, run_id: str) -> dict[str, TaskInstanceResponse]:
        """Return the task instances of a run by their ids."""
        tasks = task_instances(self.airflow, f"{model}__train", run_id)
        return {task.task_id: task for task in tasks}

    def wait_for_task(self, model: str, run_id: str, task_id: str) -> int:
        """Wait until a task runs; return its process id.

        Args:
            model: The model's name.
            run_id: The run's id.
            task_id: The task's id.
        """

        def pid() -> int | None:
            task = self.tasks(model, run_id)[task_id]
            return task.pid if task.state == "running" else None

        return int(wait_until(f"{task_id} to run", pid, RUN_SECONDS))

    def approve(self, model: str, run_id: str) -> None:
        """Wait until a run asks for its approval, and give it as the first user."""
        dag_id, task_id = f"{model}__train", "release.approve"
        # An answer that meets a scheduler which has not yet seen the asking process end is asked
        # for again.
        asked = f"TaskInstance Finished: dag_id={dag_id}, task_id={task_id}, run_id={run_id}"
        log = self.processes.logs / "scheduler.log"
        wait_until("the approval to be asked for", lambda: asked in log.read_text(), RUN_SECONDS)
        answer = UpdateHITLDetailPayload(chosen_options=["Approve"], params_input={})
        TaskInstanceApi(self.airflow).update_hitl_detail(dag_id, run_id, task_id, -1, answer)

    def registered_version(self, model: str, run_id: str) -> str:
        """Return the version that a run registered."""
        output = return_value(self.airflow, f"{model}__train", run_id, "register")
        return str(output["version"])

    def versions(self, model: str) -> list[str]:
        """Return the model's registered versions, as MLflow's server lists them."""
        address = f"{self.settings.addresses.mlflow}/api/2.0/mlflow/model-versions/search"
        answer = httpx.get(
            address,
            params={"filter": f"name='{model}'"},
            auth=("admin", self.settings.mlflow_password),
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return sorted(each["version"] for each in answer.json().get("model_versions", []))

    def served_version(self, model: str) -> str | None:
        """Return the version in the model server; None when it has none."""
        address = f"{self.settings.addresses.server}/models/{model}"
        answer = _get(address, {"authorization": f"Bearer {self.settings.token}"})
        return str(answer.json()["version"]) if answer and answer.status_code == 200 else None

    def _finish(self, *command: str) -> None:
        own = self.folder / "prepare"
        own.mkdir(exist_ok=True)
        done = subprocess.run(
            command,
            env=self.settings.of_part(own),
            cwd=own,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def _airflow_is_healthy(self) -> bool:
        answer = _get(f"{self.settings.addresses.airflow}/api/v2/monitor/health")
        if answer is None or answer.status_code != 200:
            return False
        parts: Mapping[str, Mapping[str, Any]] = answer.json()
        names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all(parts[name]["status"] == "healthy" for name in names)


@contextmanager
def deployment(
    folder: Path, network: Network, settings: Settings, processes: Processes
) -> Iterator[Deployment]:
    """Yield a running deployment with two workers. Its processes end with it.

    Args:
        folder: The folder of the parts' own folders.
        network: The network.
        settings: Addresses and secrets.
        processes: Where its processes are noted.
    """
    result = Deployment(folder, network, settings, processes)
    try:
        result.start_mlflow()
        result.start_model_server()
        result.prepare()
        result.start_airflow()
        for _ in range(2):
            result.start_worker()
        result.wait_for_health()
        yield result
    finally:
        processes.end_all()


def _answers(url: str) -> bool:
    answer = _get(url)
    return answer is not None and answer.status_code == 200


def _get(url: str, headers: dict[str, str] | None = None) -> httpx.Response | None:
    try:
        return httpx.get(url, headers=headers, trust_env=False, timeout=5.0)
    except httpx.HTTPError:
        return None
