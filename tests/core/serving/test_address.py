"""``airworthy serve`` honours its port, says where it listens, and is asked for its health."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx

from airworthy.environment import Environment

from ..eventually import eventually  # noqa: TID252 - tests are no installed package


def _serve(log: Path, port: int) -> subprocess.Popen[bytes]:
    with log.open("wb") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "airworthy", "serve"],
            env={**os.environ, "AIRWORTHY_SERVER_PORT": str(port)},
            stderr=stderr,
        )


def _is_well(url: str) -> bool:
    return httpx.get(url).status_code == 200


def test_serve_says_where_it_listens_and_answers_the_usual_health_paths(
    environment: Environment, tmp_path: Path
) -> None:
    """Port 0 is a free port. A port that somebody has is an error with the next step."""
    log = tmp_path / "serve.log"
    process = _serve(log, 0)
    try:
        said = eventually("it says its address", lambda: re.search(r"http://\S+", log.read_text()))
        url = said[0]
        for path in ("/health", "/healthz", "/ready", "/readyz", "/health/ready"):
            eventually(path, partial(_is_well, url + path))
        second = tmp_path / "second.log"
        taken = _serve(second, int(url.rsplit(":", 1)[1]))
        assert taken.wait() == 1
        assert "AIRWORTHY_SERVER_PORT" in second.read_text()
        assert "Traceback" not in second.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
