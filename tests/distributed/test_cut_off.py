"""A model server that is cut off from the record says so, serves on, and catches up after the cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.core.eventually import eventually
from tests.core.mlflow_server import START_SECONDS, mlflow_server
from tests.core.release.release_environment import MODEL, ReleaseEnvironment
from tests.core.s3.s3_server import BUCKET, s3_server

from airworthy.stages import run_stage
from airworthy.traffic.replica_reports import open_replica_reports

from .conftest import require_programs
from .machines import Machine, Network, Processes, network
from .services import free_port
from .settings import BINARIES, PROJECT

CUT_SECONDS = 60.0
PORT = 8000
TOKEN = "a-token-of-this-test"


@dataclass(frozen=True)
class World:
    """A record, one model server beside it, and one on a machine that can be cut off."""

    release: ReleaseEnvironment
    network: Network
    machine: Machine

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Ask the server on the machine, from there; None: no answer."""
        command = ["curl", "--silent", "--max-time", "10", f"http://127.0.0.1:{PORT}{path}"]
        if body is not None:
            command += ["--header", "content-type: application/json", "--data", json.dumps(body)]
            command += ["--header", f"authorization: Bearer {TOKEN}"]
        done = subprocess.run(
            ["ip", "netns", "exec", self.machine.namespace, *command],
            capture_output=True,
            check=False,
        )
        return dict(json.loads(done.stdout)) if done.returncode == 0 else None

    def version_on_machine(self) -> str | None:
        """Return the version that answers on the machine; None: no answer."""
        address, headers = (
            f"{self.release.url}/models/{MODEL}/example",
            {"authorization": f"Bearer {TOKEN}"},
        )
        example = httpx.get(address, headers=headers).json()
        answer = self.ask(f"/models/{MODEL}/invocations", example)
        return str(answer["version"]) if answer else None

    def record_on_machine(self) -> dict[str, Any]:
        """Return what the server on the machine says about its record."""
        health = self.ask("/health/ready")
        return dict(health["record"]) if health else {}

    def replica(self) -> str:
        """Return the name of the server on the machine."""
        replicas = open_replica_reports(self.release.environment).read()
        return next(each.name for each in replicas if each.report.host == self.machine.address)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Version 2 serves on both servers, after version 1."""
    require_programs()
    folder = tmp_path_factory.mktemp("cut-off")
    with ExitStack() as stack:
        net = stack.enter_context(network(folder / "own"))
        store = stack.enter_context(s3_server(folder / "s3", net.address))
        processes = Processes(folder)
        stack.callback(processes.end_all)
        artifacts, server = f"s3://{BUCKET}/artifacts", f"http://{net.address}:{free_port(net)}"
        mlflow = mlflow_server(folder, artifacts, store.variables, net.address)
        variables = {
            **store.variables,
            "AIRWORTHY_ENV": "staging",
            "AIRWORTHY_PROJECT": str(PROJECT),
            "AIRWORTHY_MODELS": str(folder / "models"),
            "AIRWORTHY_LAKE": f"s3://{BUCKET}/lake",
            "AIRWORTHY_ARTIFACTS": artifacts,
            "AIRWORTHY_FLAGS": str(folder / "flags.json"),
            "AIRWORTHY_TRACKING_URI": stack.enter_context(mlflow),
            "AIRWORTHY_SERVER_URL": server,
            "AIRWORTHY_SERVER_TOKEN": TOKEN,
        }
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {
            **variables,
            **store.of_tests,
            "AIRWORTHY_STATE": str(folder / "state"),
        }.items():
            patch.setenv(name, value)
        _start_servers(processes, net, server, folder, variables)
        release = ReleaseEnvironment(folder)
        release.write_spec(rollout=["full"])
        release.url = server
        result = World(release, net, net.machines[0])
        eventually(
            "the server beside it is ready", _answers(f"{server}/health/ready"), START_SECONDS
        )
        eventually("the server on the machine is ready", result.record_on_machine, START_SECONDS)
        for as_of in ("2026-03-20", "2026-03-21"):
            release.train(as_of, last="deploy_production")
        yield result


def _start_servers(
    processes: Processes, net: Network, url: str, folder: Path, variables: dict[str, str]
) -> None:
    """Start a server on the network's own address, and one on a machine of its own."""
    address, machine = httpx.URL(url), net.add_machine()
    serve = [sys.executable, "-m", "airworthy", "serve"]
    beside = [*serve, "--host", address.host, "--port", str(address.port)]
    own = {**_base(), **variables, "AIRWORTHY_STATE": str(folder / "beside")}
    processes.start("server-beside", beside, own)
    on_machine = machine.command([*serve, "--host", "127.0.0.1", "--port", str(PORT)])
    own = {**_base(), **variables, "AIRWORTHY_STATE": str(machine.folder / "state")}
    processes.start("server-on-machine", on_machine, own)


def _base() -> dict[str, str]:
    paths = os.pathsep.join(str(PROJECT / part) for part in ("include", "plugins"))
    return {"PATH": f"{BINARIES}:{os.defpath}:/usr/sbin:/sbin", "PYTHONPATH": paths}


def _answers(url: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            return httpx.get(url, trust_env=False, timeout=5.0).is_success
        except httpx.HTTPError:
            return False

    return answers


def test_a_server_cut_off_for_a_minute_says_so_serves_on_and_catches_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers all the time; a rollback goes on without it and names it; after the cut it follows."""
    assert world.version_on_machine() == "2"
    name = world.replica()
    world.network.cut(world.machine)
    cut = time.monotonic()
    lost = eventually(
        "it says that it lost its record", lambda: world.record_on_machine()["lost_since"]
    )
    assert datetime.fromisoformat(lost).tzinfo is not None
    done = _roll_back(world)
    assert done["to_version"] == "1"
    assert world.release.served()[0] == "1"
    assert f"{name} has not reported since" in caplog.text
    while time.monotonic() < cut + CUT_SECONDS:
        assert world.version_on_machine() == "2"
        time.sleep(1.0)
    assert world.record_on_machine()["lost_since"] == lost
    world.network.rejoin(world.machine)
    rejoined = time.monotonic()
    eventually("it serves the version rolled back to", lambda: world.version_on_machine() == "1")
    print(f"version 1 answered {time.monotonic() - rejoined:.1f} s after the cut's end")
    eventually("it has found its record", lambda: world.record_on_machine()["lost_since"] is None)
    assert world.version_on_machine() == "1"


def _roll_back(world: World) -> dict[str, Any]:
    request = {
        "model": MODEL,
        "as_of": datetime(2026, 3, 21, tzinfo=UTC).isoformat(),
        "reason": "manual",
        "run_id": "rollback-during-the-cut",
    }
    return run_stage("rollback", {"run": request, "rollback_request": {"reason": "it is cut off"}})
