"""The console command and the model server, each in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package


def begin(*words: str) -> subprocess.Popen[str]:
    """Start the console command."""
    print(f"airworthy {' '.join(words)}", flush=True)
    line = [sys.executable, "-m", "airworthy", *words]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def airworthy(*words: str, code: int = 0, given: Any = None) -> str:
    """Run the console command and return its output.

    Args:
        words: Its arguments.
        code: The expected exit code.
        given: Its standard input, as JSON.
    """
    process = begin(*words)
    output, _ = process.communicate(None if given is None else json.dumps(given))
    assert process.returncode == code, (
        f"airworthy {' '.join(words)} ended with {process.returncode}"
    )
    return output


def lines_of(*words: str) -> list[dict[str, Any]]:
    """Run the console command and return the JSON of each line of its output."""
    return [json.loads(line) for line in airworthy(*words).splitlines()]


@contextmanager
def serving(stop: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """Serve on a free loopback port until the block ends; then send the server a signal."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    with begin("serve", "--port", str(port)) as process:
        try:
            eventually(
                "the server is ready, or has ended",
                lambda: process.poll() is not None or _is_ready(url),
            )
            assert process.poll() is None, "the server ended"
            yield url
        finally:
            process.send_signal(stop)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
