"""MLflow's own server in a process, for machines that share it over the network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from .eventually import eventually

START_SECONDS = 300.0


@contextmanager
def mlflow_server(
    folder: Path, artifacts: str, variables: Mapping[str, str], host: str = "127.0.0.1"
) -> Iterator[str]:
    """Yield the address of a server with a database in a folder; end it after.

    Args:
        folder: Gets the database and the log.
        artifacts: Where models' files are; clients write there themselves.
        variables: Further environment variables.
        host: The address to listen at.
    """
    port = _free_port(host)
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1"]
    command += ["--host", host, "--port", str(port), "--allowed-hosts", f"{host}:{port}"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--no-serve-artifacts", "--default-artifact-root", artifacts]
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://{host}:{port}"
        eventually("MLflow answers", lambda: _answers(url, process), START_SECONDS)
        yield url
    finally:
        # The server's workers are in its session.
        os.killpg(process.pid, 15)
        process.wait()


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "MLflow's server ended at its start"
    try:
        return httpx.get(f"{url}/health", trust_env=False, timeout=5.0).is_success
    except httpx.HTTPError:
        return False
