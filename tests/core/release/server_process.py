"""A model server in a process of its own, to be killed or stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from airworthy.traffic.replica_reports import Replica, ReplicaReports

from ..eventually import eventually  # noqa: TID252 - tests are no installed package


@dataclass(frozen=True)
class ServerProcess:
    """A ready server: its address, its process, and its last report."""

    url: str
    process: subprocess.Popen[bytes]
    reports: ReplicaReports

    def replica(self) -> Replica:
        """Return the server by its last report."""
        [own] = [each for each in self.reports.read() if f"-{self.process.pid}-" in each.name]
        return own

    def kill(self) -> None:
        """End it without any notice."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def server_process(
    reports: ReplicaReports, port: int | None = None, **variables: str
) -> Iterator[ServerProcess]:
    """Yield a ready server on a loopback port; end it after.

    Args:
        reports: The place of its reports.
        port: The port; None: a free one.
        **variables: Other environment variables than this process has.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "airworthy", "serve", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, **variables}) as process:
        try:
            eventually("the server is ready", lambda: _has_ended(process) or _is_ready(url), 300)
            assert not _has_ended(process), "the server ended"
            yield ServerProcess(url, process, reports)
        finally:
            process.terminate()


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
