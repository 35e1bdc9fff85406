"""Airworthy on several machines, as docs/design/distributed.md says: by environment variables alone."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from airflow_client.client import TaskInstanceResponse
from celery import Celery
from redis import Redis

from airworthy.environment import load_environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import (
    failed_logs,
    return_value,
    task_instances,
    trigger_run,
    wait_for_run,
)

from tests.end_to_end.conftest import wait_until
from .machines import Machine, Network, Processes
from .services import Services, free_port

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = PROJECT / "infra" / "airflow" / "distributed.env"
BINARIES = Path(sys.executable).parent
RUN_SECONDS = 300.0
START_SECONDS = 180.0
CONTROL_SECONDS = 10.0
QUEUE = "default"
USER = "admin"
# The model server's token lies in the state folder, which is each machine's own.
_WITH_TOKEN = 'mkdir -p "$AIRWORTHY_STATE"; printf %s "$0" > "$AIRWORTHY_STATE/server_token"; exec "$@"'


def shared_settings() -> dict[str, str]:
    """Return the variables of `infra/airflow/distributed.env`."""
    lines = SETTINGS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass
class Addresses:
    """The addresses of the parts, for all machines."""

    airflow: str
    mlflow: str
    server: str

    @classmethod
    def on(cls, network: Network) -> Addresses:
        """Return addresses with free ports."""
        return cls(*(f"http://{network.address}:{free_port(network)}" for _ in range(3)))


@dataclass
class Deployment:
    """Airflow with Celery workers, MLflow's server and a model server, through their users' eyes."""

    folder: Path
    network: Network
    services: Services
    addresses: Addresses
    processes: Processes
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    workers: list[Machine] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self.secrets = {
            "AIRFLOW__CORE__FERNET_KEY": fernet,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        }
        self.airflow = AirflowApi(self.addresses.airflow, USER, self.password)

    def variables(self, own_folder: Path) -> dict[str, str]:
        """Return the whole environment of a process whose own files lie in a folder."""
        airflow = httpx.URL(self.addresses.airflow)
        return {
            "PATH": f"{BINARIES}:/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": ":".join(
                str(PROJECT / part) for part in ("include", "plugins", "infra/airflow")
            ),
            **shared_settings(),
            **self.secrets,
            "AIRFLOW_HOME": str(own_folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.services.databases["airflow"],
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self.services.databases['celery']}",
            "AIRFLOW__CELERY__BROKER_URL": self.services.redis,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.addresses.airflow}/execution/",
            "AIRFLOW__API__BASE_URL": self.addresses.airflow,
            "AIRFLOW__API__HOST": airflow.host,
            "AIRFLOW__API__PORT": str(airflow.port),
            "AIRFLOW__METRICS__STATSD_HOST": self.network.address,
            **self._airworthy(own_folder),
        }

    def _airworthy(self, own_folder: Path) -> dict[str, str]:
        return {
            "AIRWORTHY_ENV": "staging",
            "AIRWORTHY_PROJECT": str(PROJECT),
            "AIRWORTHY_MODELS": str(self.folder / "models"),
            "AIRWORTHY_STATE": str(own_folder / "state"),
            "AIRWORTHY_LAKE": str(self.folder / "lake"),
            "AIRWORTHY_ARTIFACTS": "mlflow-artifacts:/",
            "AIRWORTHY_FLAGS": str(self.folder / "flags.json"),
            "AIRWORTHY_TRACKING_URI": self.addresses.mlflow,
            "AIRWORTHY_MLFLOW_URL": self.addresses.mlflow,
            "AIRWORTHY_SERVER_URL": self.addresses.server,
        }

    def prepare(self) -> None:
        """Make Airflow's tables and its first user."""
        user = ["--username", USER, "--password", self.password, "--role", "Admin"]
        person = ["--firstname", "Air", "--lastname", "Worthy", "--email", "admin@example.org"]
        self._finish("db", "migrate")
        self._finish("users", "create", *user, *person)

    def _finish(self, *arguments: str) -> None:
        own = self.folder / "prepare"
        own.mkdir(exist_ok=True)
        done = subprocess.run(
            [str(BINARIES / "airflow"), *arguments],
            env=self.variables(own),
            cwd=own,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def start_mlflow(self) -> None:
        """Start MLflow's server, which keeps the models' files too."""
        address = httpx.URL(self.addresses.mlflow)
        command = [str(BINARIES / "mlflow"), "server", "--host", address.host]
        command += ["--port", str(address.port), "--workers", "1"]
        command += ["--backend-store-uri", self.services.databases["mlflow"]]
        command += ["--artifacts-destination", str(self.folder / "artifacts"), "--serve-artifacts"]
        command += ["--allowed-hosts", f"{address.host}:{address.port}"]
        self.processes.start("mlflow", command, self.variables(self.folder / "mlflow"))

    def start_model_server(self) -> None:
        """Start the model server that releases go to."""
        address = httpx.URL(self.addresses.server)
        command = ["sh", "-c", _WITH_TOKEN, self.token, sys.executable, "-m", "airworthy"]
        command += ["serve", "--host", address.host, "--port", str(address.port)]
        self.processes.start("server", command, self.variables(self.folder / "server"))

    def start_airflow(self) -> None:
        """Start Airflow's parts but the workers, each with a folder of its own."""
        for part in ("api-server", "scheduler", "dag-processor", "triggerer"):
            command = [str(BINARIES / "airflow"), part]
            self.processes.start(part, command, self.variables(self.folder / part))

    def start_worker(self) -> Machine:
        """Start a Celery worker on a machine of its own."""
        machine = self.network.add_machine()
        command = ["sh", "-c", _WITH_TOKEN, self.token, str(BINARIES / "airflow")]
        command = machine.command([*command, "celery", "worker"])
        variables = self.variables(self.network.folder)
        # Tasks know neither Airflow's database nor the key that makes its tokens.
        del variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        del variables["AIRFLOW__API_AUTH__JWT_SECRET"]
        self.processes.start(f"worker-{machine.address}", command, variables)
        self.workers.append(machine)
        return machine

    def wait_for_health(self) -> None:
        """Wait until every part answers."""
        wait_until("MLflow answers", lambda: _answers(f"{self.addresses.mlflow}/health"), START_SECONDS)
        wait_until(
            "the model server answers",
            lambda: _answers(f"{self.addresses.server}/health/ready"),
            START_SECONDS,
        )
        wait_until("Airflow's parts are healthy", self._airflow_is_healthy, START_SECONDS)
        wait_until("the workers answer", self._workers_answer, START_SECONDS)

    def _workers_answer(self) -> bool:
        with Celery(broker=self.services.redis) as app:
            return len(app.control.ping(timeout=CONTROL_SECONDS, limit=len(self.workers))) == len(
                self.workers
            )

    def _airflow_is_healthy(self) -> bool:
        answer = _get(f"{self.addresses.airflow}/api/v2/monitor/health")
        if answer is None or answer.status_code != 200:
            return False
        parts: Mapping[str, Mapping[str, Any]] = answer.json()
        names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all(parts[name]["status"] == "healthy" for name in names)

    def take_no_more(self, worker: Machine) -> None:
        """Let a worker finish its tasks and take no others."""
        self._control("cancel_consumer", worker)

    def take_again(self, worker: Machine) -> None:
        """Let a worker take tasks again."""
        self._control("add_consumer", worker)

    def _control(self, order: str, worker: Machine) -> None:
        """Give a worker an order and wait until it has confirmed it."""
        with Celery(broker=self.services.redis) as app:
            give = getattr(app.control, order)
            answers = give(
                QUEUE, destination=[f"celery@{worker.address}"], reply=True, timeout=CONTROL_SECONDS
            )
        assert len(answers) == 1, f"{worker.address} did not confirm {order}: {answers}"

    def unacknowledged(self) -> int:
        """Return how many messages workers have taken and not finished."""
        with Redis.from_url(self.services.redis) as client:
            return int(client.hlen("unacked"))

    def idle_pool(self, worker: Machine, busy: psutil.Process) -> list[psutil.Process]:
        """Return the processes of a worker's pool but the one that runs a task.

        Args:
            worker: The worker's machine.
            busy: The task's process. The pool's process watches over it.
        """
        watching = busy.parent()
        assert watching is not None
        main = watching.parent()
        assert main is not None
        pool = [
            process
            for process in main.children()
            if process.name().startswith(("[celeryd", "airflow superv"))
        ]
        assert len(pool) == int(shared_settings()["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
        return [process for process in pool if process != watching]

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

    def check_records(self, model: str) -> None:
        """Assert that the ledger's chain is whole and has one entry for each registered version."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._airworthy(self.folder / "reader").items():
                patch.setenv(name, value)
            ledger = open_ledger(load_environment(), model)
        assert ledger.first_broken_entry() is None
        registered = [entry.event.version for entry in of_kind(ledger.entries(), Registration)]
        assert sorted(registered) == sorted(each["version"] for each in self.versions(model))

    def start(self, model: str, **conf: Any) -> str:
        """Start the model's train DAG by hand; return the run's id."""
        return trigger_run(self.airflow, f"{model}__train", conf)

    def finish(self, model: str, run_id: str) -> str:
        """Wait for a run's end; return its state. A failed task's log is in the message."""
        state = wait_for_run(
            self.airflow, f"{model}__train", run_id, within_seconds=RUN_SECONDS
        )
        logs = failed_logs(self.airflow, f"{model}__train", run_id)
        assert not logs, logs
        return state

    def tasks(self, model: str, run_id: str) -> dict[str, TaskInstanceResponse]:
        """Return the task instances of a run by their ids."""
        return {
            task.task_id: task for task in task_instances(self.airflow, f"{model}__train", run_id)
        }

    def output(self, model: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task's output.

        Args:
            model: The model's name.
            run_id: The run's id.
            task_id: The task's id.
        """
        result: dict[str, Any] = return_value(self.airflow, f"{model}__train", run_id, task_id)
        return result

    def versions(self, model: str) -> list[dict[str, Any]]:
        """Return the model's registered versions, as MLflow's server lists them."""
        address = f"{self.addresses.mlflow}/api/2.0/mlflow/model-versions/search"
        answer = httpx.get(address, params={"filter": f"name='{model}'"}, trust_env=False)
        assert answer.status_code == 200, answer.text
        result: list[dict[str, Any]] = answer.json().get("model_versions", [])
        return result

    def served_version(self, model: str) -> str | None:
        """Return the version in the model server; None when it has none."""
        answer = _get(f"{self.addresses.server}/models/{model}")
        return str(answer.json()["version"]) if answer and answer.status_code == 200 else None


@contextmanager
def deployment(
    folder: Path, network: Network, shared: Services, processes: Processes
) -> Iterator[Deployment]:
    """Yield a running deployment with two workers. Its processes end with it.

    Args:
        folder: Where the parts write; a worker sees the models and the lake in it, and its own files.
        network: The network.
        shared: PostgreSQL and Redis.
        processes: Where its processes are noted.
    """
    result = Deployment(folder, network, shared, Addresses.on(network), processes)
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


def _get(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, trust_env=False, timeout=5.0)
    except httpx.HTTPError:
        return None
