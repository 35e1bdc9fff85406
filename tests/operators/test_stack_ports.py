"""The stack's ports: two alike, and one that another program has."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from rich.console import Console

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.release.server_client import ServerClient
from airworthy.serving.uvicorn_server import serve
from airworthy_airflow.stack.control import up
from airworthy_airflow.stack.health import foreign_parts, health
from airworthy_airflow.stack.layout import PORT_VARIABLES, load_layout

from ..core.eventually import eventually  # noqa: TID252 - tests are no installed package

# A web server that answers every question with 200.
_SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"OK")
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ports(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Free ports for every part of a stack."""
    chosen: dict[str, int] = {}
    for part, (variable, _) in PORT_VARIABLES.items():
        chosen[part] = free_port()
        monkeypatch.setenv(variable, str(chosen[part]))
    return chosen


@pytest.fixture
def foreign(ports: dict[str, int]) -> Iterator[int]:
    """A web server of somebody else on MLflow's port; its process id."""
    process = subprocess.Popen([sys.executable, "-c", _SERVER, str(ports["mlflow"])])
    eventually("the server answers", lambda: _answers(ports["mlflow"]))
    yield process.pid
    process.kill()
    process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_two_parts_with_one_port_are_named_with_their_variables(
    ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started: one of the two would never be healthy."""
    monkeypatch.setenv("AIRWORTHY_AIRFLOW_PORT", str(ports["mlflow"]))
    with pytest.raises(TerminalError, match="airflow and mlflow have the same port") as caught:
        load_layout()
    assert "AIRWORTHY_AIRFLOW_PORT" in str(caught.value.received)
    assert "AIRWORTHY_MLFLOW_PORT" in str(caught.value.next_step)


def test_a_foreign_web_server_is_not_taken_for_a_part(ports: dict[str, int], foreign: int) -> None:
    """It answers /health with 200. The port, the program and the variable are named."""
    layout = load_layout()
    assert list(foreign_parts(layout)) == ["mlflow"]
    state = health(layout)["mlflow"]
    for part in (str(ports["mlflow"]), str(foreign), "AIRWORTHY_MLFLOW_PORT"):
        assert part in state


def test_a_taken_port_stops_the_start_with_its_owner(ports: dict[str, int], foreign: int) -> None:
    """`make up` and `airworthy serve` say which port, who has it, and how to choose another one."""
    with pytest.raises(TerminalError, match=f"process {foreign}") as caught:
        up(load_layout(), Console(quiet=True), {})
    assert f"AIRWORTHY_MLFLOW_PORT={ports['mlflow']}" in str(caught.value)
    with pytest.raises(TerminalError, match=f"process {foreign}") as caught:
        serve("127.0.0.1", ports["mlflow"])
    assert "--port" in str(caught.value.next_step)


def test_a_foreign_web_server_is_no_model_server(ports: dict[str, int], foreign: int) -> None:
    """A release does not wait for a program that only answers."""
    client = ServerClient(f"http://127.0.0.1:{ports['mlflow']}", None)
    assert not client.is_up()
    client.close()
