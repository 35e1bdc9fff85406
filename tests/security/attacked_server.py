"""A model server in processes of its own, with a contract and a spool: what the attacks are sent to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from tests.core.eventually import eventually
from tests.core.serving.conftest import FolderRegistry
from tests.core.serving.test_openapi import CONTRACT

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class AttackedServer:
    """The server.

    Attributes:
        process: The parent of its one worker.
        port: Its port on this machine.
    """

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def document(self) -> dict[str, Any]:
        """Return its OpenAPI document."""
        return dict(httpx.get(f"{self.url}/openapi.json").raise_for_status().json())

    def memory_mib(self) -> float:
        """Return the resident memory of its processes, in MiB."""
        parent = psutil.Process(self.process.pid)
        processes = [parent, *parent.children(recursive=True)]
        return float(sum(each.memory_info().rss for each in processes)) / 2**20


@contextmanager
def attacked_server(root: Path) -> Iterator[AttackedServer]:
    """Start a server of the model ``eta``, version 1, with files below a folder; end it after the block."""
    registry = FolderRegistry(root)
    registry.add("eta", "1", contract=CONTRACT)
    registry.promote("eta", "1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    module = "tests.core.serving.worker_server"
    command = [sys.executable, "-m", module, str(root), str(port), "1"]
    with (root / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=dict(os.environ), stderr=log)
    server = AttackedServer(process, port)
    try:
        eventually("the server is ready", lambda: _is_ready(process, server.url), 600.0)
        yield server
    finally:
        process.terminate()
        process.wait()


def _is_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    assert process.poll() is None, "the server ended"
    try:
        return httpx.get(f"{url}/health/ready").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
