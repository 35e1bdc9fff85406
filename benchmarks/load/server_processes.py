"""Servers in processes of their own, for as long as a benchmark needs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@contextmanager
def process(command: list[str], health: str, log: Path) -> Iterator[None]:
    """Run a server until the block ends; wait until it is healthy.

    Args:
        command: The server.
        health: The address to poll.
        log: Gets the server's output.
    """
    # MLflow starts its server by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(PROJECT / "include"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with log.open("wb") as output:
        started = subprocess.Popen(
            command, env=environ, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _wait_until_healthy(started, health, log)
            yield
        finally:
            # Servers have children of their own: the whole session that was started here ends.
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGTERM)
            try:
                started.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()


def _wait_until_healthy(started: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and started.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2) as reply:  # noqa: S310 - a loopback address
                if reply.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"a server did not come up: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """Return a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
