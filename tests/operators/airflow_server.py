"""A real Airflow API server alone: SimpleAuthManager with a few people, on an empty database."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package

PASSWORDS = {"alice": "a-secret", "bob": "b-secret", "vic": "v-secret"}
_USERS = "alice:op,bob:op,vic:viewer"


@contextmanager
def airflow_server(folder: Path) -> Iterator[str]:
    """Yield the address of a server; alice and bob may edit runs, vic may look.

    Args:
        folder: Gets all files.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    variables, command = _variables(folder), str(Path(sys.executable).parent / "airflow")
    subprocess.run([command, "db", "migrate"], env=variables, check=True, capture_output=True)
    line = [command, "api-server", "--host", "127.0.0.1", "--port", str(port), "--apps", "core"]
    with (folder / "api-server.log").open("w") as log:
        process = subprocess.Popen(line, env=variables, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually("Airflow answers, or has ended", lambda: _is_up(url) or _ended(process))
            assert not _ended(process), (folder / "api-server.log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait()


def _variables(folder: Path) -> dict[str, str]:
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS), encoding="utf-8")
    (folder / "dags").mkdir()
    settings = {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(folder / "dags"),
        "CORE__PLUGINS_FOLDER": str(folder / "plugins"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": _USERS,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": "a secret of the tests that is long enough for a signature of 512 bits",
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/version", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None
