"""MLflow is closed to other users of the machine: pages, API and artifacts ask for a login."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.core.eventually import eventually

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.mlflow_login import PASSWORD, USERNAME
from airworthy.registry.registry import open_registry
from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.programs import commands
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets
from airworthy_airflow.stack.settings import process_environment

NOBODY = 65534
PYTHON = str(Path(sys.executable).resolve())
# What an unprivileged user of the machine has: curl's requests, by the standard library.
ASK = """
import sys, urllib.request, urllib.error
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
method, url, body = sys.argv[1:4]
request = urllib.request.Request(url, body.encode() or None, {"content-type": "application/json"}, method=method)
try:
    print(opener.open(request, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
WRITES = json.dumps({"name": "eta"})
ROUTES = [
    ("GET", "/", ""),
    ("GET", "/static-files/index.html", ""),
    ("POST", "/api/2.0/mlflow/registered-models/create", WRITES),
    ("POST", "/ajax-api/2.0/mlflow/registered-models/create", WRITES),
    ("GET", "/api/2.0/mlflow/registered-models/search", ""),
    ("POST", "/api/3.0/mlflow/traces/search", "{}"),
    ("POST", "/v1/traces", "{}"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts", ""),
    ("GET", "/get-artifact?path=x&run_uuid=y", ""),
    ("GET", "/health/../api/2.0/mlflow/registered-models/search", ""),
    ("GET", "//health", ""),
    ("GET", "/version", ""),
    ("GET", "/metrics", ""),
    ("POST", "/graphql", "{}"),
]


@dataclass(frozen=True)
class Server:
    """MLflow's part of an embedded stack: its address, its stack and its variables."""

    url: str
    layout: Layout
    variables: dict[str, str]

    @property
    def login(self) -> tuple[str, str]:
        """The name and the password that `make up` prints."""
        return USER, ensure_secrets(self.layout).mlflow_password


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return MLflow's part as the stack starts it."""
    layout = layout_in(tmp_path_factory.mktemp("stack"))
    variables = process_environment(layout, ensure_secrets(layout), dict(os.environ))
    command = commands(layout)["mlflow"][3:]  # without the part that ends orphans
    assert command[0] == sys.executable
    layout.logs.mkdir(parents=True)
    log = (layout.logs / "mlflow.log").open("wb")
    process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    try:
        url = layout.url("mlflow")
        eventually("MLflow answers", lambda: answers(url, process), 300.0)
        yield Server(url, layout, variables)
    finally:
        process.terminate()
        process.wait()
        log.close()


def layout_in(folder: Path) -> Layout:
    """Return the layout of a stack in a folder, with free ports."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    state = folder / "state"
    ports = {"airflow": 1, "mlflow": port, "server": 2, "metrics": 3}
    return Layout(
        project=Path(__file__).parents[2],
        state=state,
        models=folder / "models",
        downloads=folder,
        artifacts=str(state / "mlartifacts"),
        tracking_uri=f"sqlite:///{state}/mlflow.db",
        token_file=state / "stack" / "token",
        ports=ports,
    )


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Tell whether the server is healthy. The health check needs no login."""
    assert process.poll() is None, "MLflow's server ended at its start"
    try:
        return httpx.get(f"{url}/health", trust_env=False, timeout=5.0).is_success
    except httpx.HTTPError:
        return False


def as_nobody(*command: str) -> str:
    """Return what a command prints as an unprivileged user without anything of ours."""
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    done = subprocess.run(
        [*(drop if os.geteuid() == 0 else []), *command],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return done.stdout.strip() or done.stderr.strip()


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
def test_another_user_of_the_machine_gets_nothing(
    server: Server, method: str, route: str, body: str
) -> None:
    """Without a login every route answers 401: nothing is read, nothing is written."""
    assert as_nobody(PYTHON, "-I", "-c", ASK, method, f"{server.url}{route}", body) == "401"


def test_another_user_cannot_read_the_login(server: Server) -> None:
    """The password is in the file of the stack's other secrets, and in no process list."""
    secrets = server.layout.folder / "secrets.json"
    assert ensure_secrets(server.layout).mlflow_password in secrets.read_text(encoding="utf-8")
    assert secrets.stat().st_mode & 0o077 == 0
    assert server.login[1] not in " ".join(commands(server.layout)["mlflow"])
    assert server.login[1] not in as_nobody("ps", "-eo", "args", "e")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic YWRtaW46"},  # admin: and an empty password
        {"authorization": "Bearer"},
        {"authorization": "Bearer admin"},
        {"authorization": "Negotiate abc"},
    ],
)
def test_a_wrong_login_is_refused(server: Server, headers: dict[str, str]) -> None:
    """Empty, cut and foreign logins are none; a browser is told how to log in."""
    answer = httpx.get(f"{server.url}/", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_the_pages_are_there_after_the_login(server: Server) -> None:
    """A person logs in as `make up` says, and has the UI and its API."""
    page = httpx.get(f"{server.url}/", auth=server.login, trust_env=False)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    search = f"{server.url}/ajax-api/2.0/mlflow/registered-models/search"
    assert httpx.get(search, auth=server.login, trust_env=False).status_code == 200


def test_our_clients_pass_and_others_are_told_what_to_do(
    server: Server, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry's client reads the login from the stack's variables; without it, it is final."""
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", server.url)
    remote = load_environment()
    assert remote.state == environment.state
    for name in (USERNAME, PASSWORD):
        monkeypatch.setenv(name, server.variables[name])
    assert open_registry(remote).models() == []
    monkeypatch.setenv(PASSWORD, "wrong")
    with pytest.raises(TerminalError, match="asks for a login"), mlflow_errors(remote):
        open_registry(remote).models()


def test_a_stack_of_before_gets_a_login(tmp_path: Path) -> None:
    """Its secrets stay, and the password of MLflow is added once."""
    layout = layout_in(tmp_path)
    first = ensure_secrets(layout)
    path = layout.folder / "secrets.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    del stored["mlflow_password"]
    path.write_text(json.dumps(stored), encoding="utf-8")
    second = ensure_secrets(layout)
    assert (second.password, second.fernet_key) == (first.password, first.fernet_key)
    assert second.mlflow_password not in ("", first.mlflow_password)
    assert ensure_secrets(layout) == second
