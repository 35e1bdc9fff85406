"""The same stages against MLflow's server over HTTP, as containers and clusters reach it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airworthy.bundle import ModelBundle
from airworthy.environment import Environment, load_environment
from airworthy.registry.registry import open_registry

from .conftest import MakeModel, RunStages


@pytest.fixture
def tracking_server(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A real MLflow server with its own database and artifacts, out of reach for others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination",
        str(tmp_path / "served"),
    ]
    variables = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=variables, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(url, server, tmp_path / "server.log")
        monkeypatch.setenv("AIRWORTHY_TRACKING_URI", url)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"MLflow's server did not come up: {log.read_text()[-2000:]}")


def test_stages_work_over_http(
    tracking_server: str, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Runs, models, verdicts and versions go through the server; a model is fetched once, whole,
    and verified.
    """
    model = make_model()
    first = run_stages(model, run_id="one")
    again = run_stages(model, run_id="two")
    assert (first["version"]["created"], again["version"]["created"]) == (True, False)
    assert first["challenger"]["model_sha256"] == again["challenger"]["model_sha256"]
    environment = load_environment()
    folder, digest = open_registry(environment).bundle(model, first["version"]["version"])
    assert ModelBundle.load(folder, digest).manifest.model == model
    kept = environment.state / "models"
    assert sorted(path.name for path in kept.iterdir()) == sorted(
        payload["challenger"]["model_uri"].rsplit("/", 1)[-1] for payload in (first, again)
    )
