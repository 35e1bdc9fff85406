"""Stages in real containers of a real engine: ``make docker-test``. Not a part of ``make test``: it
needs Docker.

``AIRWORTHY_TEST_IMAGE`` names the image (default ``airworthy``), ``DOCKER_HOST`` the engine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
import yaml

from airworthy.environment import load_environment
from airworthy.errors import TerminalError, TerminalPlaceError, TransientError
from airworthy_airflow.runners.docker_runner import DockerRunner
from airworthy_airflow.runners.stage_call import StageCall

HERE = Path(__file__).resolve().parents[2]
IMAGE = os.environ.get("AIRWORTHY_TEST_IMAGE") or "airworthy"
MODEL = "delivery_eta"
RUN = {"model": MODEL, "as_of": "2026-03-20T00:00:00Z", "reason": "manual", "run_id": "by hand: 1"}
CONTEXT: Any = {"dag_run": SimpleNamespace(dag_id=f"{MODEL}__train", run_id=RUN["run_id"])}
LOCAL = {
    "state": ".airworthy", "lake": "{state}/lake", "tracking_uri": "sqlite:///{state}/mlflow.db",
    "artifacts": "{state}/mlartifacts", "server_url": "http://127.0.0.1:9",
    "release": {"approval": "auto", "rollout": ["full"], "dirty_trees": "allow"},
}  # fmt: skip


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """The engine; every container of the tests is gone at the end."""
    client = docker.from_env()
    yield client
    remaining = containers(client)
    for container in remaining:
        container.remove(force=True)
    client.close()
    assert remaining == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Build a project with the shipped models; its stages run in containers with the same path."""
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    monkeypatch.setenv("AIRWORTHY_ENV", "contained")
    for variable in ("AIRWORTHY_STATE", "AIRWORTHY_MODELS", "AIRWORTHY_SERVER_URL"):
        monkeypatch.delenv(variable, raising=False)
    shutil.copytree(HERE / "include" / "models", tmp_path / "include" / "models")

    def make(**changes: Any) -> Path:
        settings = {
            "image": IMAGE,
            "network": "host",
            "mounts": [f"{tmp_path}/include:{tmp_path}/include:ro"],
            "variables": ["AIRWORTHY_PROJECT"],
            **changes,
        }
        environment = {**LOCAL, "stages": {"default": "docker"}, "docker": settings}
        path = tmp_path / "include" / "environments" / "contained.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(environment), encoding="utf-8")
        (tmp_path / ".airworthy").mkdir(exist_ok=True)
        return tmp_path

    return make


def containers(client: docker.DockerClient) -> list[Any]:
    """Return the containers of the tests' run, running or not."""
    labelled = {"label": f"airworthy.dag={MODEL}__train"}
    # One may be gone between the list and the look at it.
    return list(client.containers.list(all=True, filters=labelled, ignore_removed=True))


def runner(stage: str, **inputs: Any) -> DockerRunner:
    """Return the place of one stage of the run."""
    return DockerRunner(StageCall(stage, stage, {"run": RUN, **inputs}, load_environment()))


def test_a_whole_train_run_with_every_stage_in_a_container(
    project: Callable[..., Path], engine: docker.DockerClient
) -> None:
    """The DAG runs to a release through ``dag.test()``; stage outputs come out of their containers."""
    folder = project()
    airflow = {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(HERE / "plugins"),
    }
    environment = {**os.environ, **airflow}
    subprocess.run(
        [Path(sys.executable).with_name("airflow"), "db", "migrate"], env=environment, check=True
    )
    script = [
        sys.executable,
        str(HERE / "tests" / "dags" / "run_dag.py"),
        str(HERE / "dags"),
        f"{MODEL}__train",
    ]
    done = subprocess.run(
        [*script, json.dumps({"as_of": "2026-03-20"})],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["state"] == "success"
    assert set(result["tasks"].values()) == {"success"}
    assert done.stdout.count(f"Starting docker container from image {IMAGE}") == len(
        result["tasks"]
    )
    owners = {path.stat().st_uid for path in (folder / ".airworthy").rglob("*")}
    assert owners == {os.getuid()}


def test_what_cannot_help_is_told_in_the_stages_own_words(
    project: Callable[..., Path], engine: docker.DockerClient
) -> None:
    """Exit code 1 is an error without a retry."""
    project()
    with pytest.raises(TerminalError, match="the stage's input lacks 'dataset'"):
        runner("validate").run(CONTEXT)


def test_a_container_over_its_memory_limit_names_the_limit(
    project: Callable[..., Path], engine: docker.DockerClient
) -> None:
    """The kernel ends a stage over its memory limit: 137, without a message. A retry would end alike."""
    project(resources={"ingest": {"memory_mib": 64}})
    with pytest.raises(TerminalPlaceError, match="its limit of 64 MiB") as failure:
        runner("ingest").run(CONTEXT)
    assert "137" in str(failure.value.received)


def test_an_image_that_is_not_there_is_named(
    project: Callable[..., Path], engine: docker.DockerClient
) -> None:
    """Trying again does not build it."""
    project(image="airworthy-that-nobody-built:1")
    with pytest.raises((TerminalError, TransientError), match="airworthy-that-nobody-built"):
        runner("ingest").run(CONTEXT)


def test_a_task_that_is_ended_ends_its_container(
    project: Callable[..., Path], engine: docker.DockerClient
) -> None:
    """At once, and nothing of it is left."""
    project()
    stopped = runner("ingest")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(stopped.run, CONTEXT)
        wait_for_one(engine)
        started = time.monotonic()
        stopped.stop()
        assert time.monotonic() - started < 9, (
            "the stage did not hear the signal: the engine waits ten seconds to kill"
        )
        assert isinstance(running.exception(), TransientError)
    assert containers(engine) == []


def test_a_retry_removes_what_a_killed_worker_left(
    project: Callable[..., Path], engine: docker.DockerClient
) -> None:
    """Two containers of one task never work side by side."""
    project()
    labels = {
        "airworthy.dag": f"{MODEL}__train",
        "airworthy.run": RUN["run_id"],
        "airworthy.task": "ingest",
    }
    remaining = engine.containers.run(
        IMAGE, ["sleep", "600"], detach=True, network_mode="host", labels=labels
    )
    inputs = runner("ingest").run(CONTEXT)
    assert datetime.fromisoformat(inputs["window"]["end"]) == datetime(2026, 3, 20, tzinfo=UTC)
    assert remaining.id not in [container.id for container in containers(engine)]


def wait_for_one(client: docker.DockerClient) -> None:
    """Wait until a container of the tests' run is running."""
    deadline = time.monotonic() + 60
    while not any(container.status == "running" for container in containers(client)):
        assert time.monotonic() < deadline, "no container started"
        time.sleep(0.1)
