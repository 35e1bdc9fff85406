"""The playbooks on a machine with systemd: ``make ansible-test``. Not a part of ``make test``: it needs
root, debootstrap, systemd-nspawn and the registries of Debian and PyPI, and takes a quarter of an hour.

``AIRWORTHY_TEST_ROOT`` names a folder where the machine's packages are kept between runs.
Tests run in the order written: the last one uninstalls.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from infra.ansible.bundle import write_bundle
from infra.ansible.machine import CACHE, SHARED, Machine, free_port, running_machine

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
MODEL = "delivery_eta"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
PARTS = (*AIRFLOW, "mlflow", "server", "collector", "metrics")
UNITS = [f"airworthy-{part}.service" for part in PARTS]
ALL = " ".join(UNITS)
DATA = ("/var/lib/airworthy", "/var/backups/airworthy")
ODD = """it's "odd": $HOME `id` \\n %h #1"""
# How this machine reaches the registries; the other one does it the same way.
INSTALLER = re.compile(r"(PIP|UV)_.*|SSL_CERT_FILE|(HTTPS?|NO)_PROXY", re.IGNORECASE)
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Site:
    """The machine, its ports, and the playbooks for it."""

    machine: Machine
    ports: dict[str, int]
    folder: Path

    def play(self, name: str, *, fails: bool = False, **variables: object) -> str:
        """Run a playbook, print its recap, and return its output.

        Args:
            name: The playbook.
            fails: It is to fail.
            variables: Extra variables.
        """
        inventory = self.folder / "inventory.yml"
        inventory.write_text(
            json.dumps({"airworthy": {"hosts": {"machine": self._host()}}}), encoding="utf-8"
        )
        tool = Path(sys.prefix) / "infra" / "bin" / "ansible-playbook"
        command = [
            str(tool),
            f"{name}.yml",
            "--inventory",
            str(inventory),
            "--extra-vars",
            json.dumps(variables),
        ]
        home = {"ANSIBLE_HOME": str(self.folder / "ansible"), "ANSIBLE_NOCOLOR": "1"}
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=HERE,
            env={**os.environ, **home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        recap = next((line for line in done.stdout.splitlines() if line.startswith("machine ")), "")
        print(
            f"{name}: {time.monotonic() - began:.0f} s, {' '.join(recap.split()[2:])}", flush=True
        )
        assert (done.returncode != 0) == fails, done.stdout[-6000:] + done.stderr[-3000:]
        return done.stdout

    def get(self, part: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a part's answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[part]}{path}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def predictions(self) -> Any:
        """Return the model server's version and predictions for its own example."""
        answer = self.get(
            "server", f"/models/{MODEL}/invocations", self.get("server", f"/models/{MODEL}/example")
        )
        return answer["version"], answer["predictions"]

    def version(self) -> str:
        """Return the version of the services' program."""
        code = "from importlib.metadata import version; print(version('airworthy'))"
        return self.machine.run(f'/opt/airworthy/current/venv/bin/python -c "{code}"')

    def _host(self) -> dict[str, Any]:
        installer = {name: value for name, value in os.environ.items() if INSTALLER.fullmatch(name)}
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.machine.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.machine.key),
            "ansible_ssh_common_args": " ".join(self.machine.ssh_options[2:]),
            "airworthy_ports": self.ports,
            "airworthy_releases": {"approval": "auto", "rollout": ["full"], "dirty_trees": "allow", "watch": None},
            "airworthy_variables": {"AIRWORTHY_TEST_ODD": ODD},
            "airworthy_install_variables": {
                **installer,
                "UV_CACHE_DIR": CACHE,
                "UV_LINK_MODE": "copy",
                **({"UV_FIND_LINKS": installer["PIP_FIND_LINKS"]} if "PIP_FIND_LINKS" in installer else {}),
            },
            "airworthy_healthy_within": 180,
        }  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A machine on which nothing is installed."""
    folder = tmp_path_factory.mktemp("machine")
    ports = {part: free_port() for part in ("airflow", "mlflow", "server", "metrics")}
    with running_machine(folder) as machine:
        yield Site(machine, ports, folder)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build the bundle of a version of this checkout, which may be broken."""

    def build(version: str, *, broken: bool = False) -> Path:
        copy = tmp_path_factory.mktemp("checkout")
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=PROJECT, capture_output=True, check=True).stdout
        packing = ["tar", "--create", "--null", "--files-from=-", "--file", str(copy / "all.tar")]
        subprocess.run(packing, cwd=PROJECT, input=names, check=True)
        subprocess.run(["tar", "--extract", "--file", copy / "all.tar"], cwd=copy, check=True)
        settings = copy / "pyproject.toml"
        settings.write_text(
            re.sub(
                r"(?m)^version = .*$",
                f'version = "{version}"',
                settings.read_text(encoding="utf-8"),
            ),
            encoding="utf-8",
        )
        if broken:
            (copy / "plugins/airworthy_airflow/stack/prepare.py").write_text(
                "raise SystemExit('broken')\n", encoding="utf-8"
            )
        uv = Path(sys.prefix) / "bin" / "uv"
        subprocess.run(
            [uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable],
            cwd=copy,
            check=True,
        )
        [wheel] = (copy / "dist").glob("*.whl")
        return write_bundle(copy, wheel, "0123456789abcdef0123456789abcdef01234567")

    return build


@pytest.fixture(scope="module")
def first(bundle: Callable[..., Path]) -> Path:
    """The bundle that is installed first."""
    return bundle("1.0.0")


@pytest.fixture(scope="module")
def second(bundle: Callable[..., Path]) -> Path:
    """The bundle of the next version."""
    return bundle("1.1.0")


@pytest.fixture(scope="module")
def before(site: Site) -> set[str]:
    """The files in an installation's places before the first one."""
    return traces(site.machine)


def test_fresh(site: Site, first: Path, before: set[str]) -> None:
    """Everything is healthy after one playbook. Each service is confined, and no secret is on a command line."""
    site.play("install", airworthy_bundle=str(first))
    health = site.get("airflow", "/api/v2/monitor/health")
    parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    assert {health[part]["status"] for part in parts} == {"healthy"}
    assert site.get("server", "/models")["models"] == {}
    machine = site.machine
    enabled = machine.run(f"systemctl is-enabled airworthy.target airworthy-backup.timer {ALL}")
    assert set(enabled.split()) == {"enabled"}
    pids = machine.run(f"systemctl show -p MainPID --value {ALL}").split()
    owners = machine.run(f"ps -o user:20= -p {','.join(pids)}").split()
    assert owners == ["airworthy"] * len(UNITS)
    for unit in (*UNITS, "airworthy-prepare.service", "airworthy-backup.service"):
        assert "OK" in machine.run(
            f"systemd-analyze security --no-pager --threshold=17 {unit} | tail -1"
        ), unit
    secrets = json.loads(machine.run("cat /var/lib/airworthy/state/stack/secrets.json"))
    lines = machine.run("ps -eo args")
    assert not [name for name, value in secrets.items() if value in lines]
    assert machine.run(f"find {' '.join(DATA)} /etc/airworthy ! -type l -perm /007") == ""


def test_a_setting_with_any_character_is_the_same_for_services_and_commands(site: Site) -> None:
    """Systemd and the shell read one file, and neither expands anything."""
    pid = site.machine.run("systemctl show -p MainPID --value airworthy-metrics.service")
    variables = site.machine.run(f"tr '\\0' '\\n' < /proc/{pid}/environ").splitlines()
    assert f"AIRWORTHY_TEST_ODD={ODD}" in variables
    assert (
        site.machine.run('. /etc/airworthy/airworthy.env; printf %s "$AIRWORTHY_TEST_ODD"') == ODD
    )


def test_a_model_is_trained_by_the_scheduler_and_served(site: Site) -> None:
    """The confined services do all that a run needs."""
    site.machine.run(f"airworthy-airflow dags unpause {MODEL}__train")
    conf = json.dumps({"as_of": "2026-03-20"})
    site.machine.run(
        f"airworthy-airflow dags trigger {MODEL}__train --run-id by_test --conf '{conf}'"
    )
    wait_until(
        lambda: MODEL in json.dumps(site.get("server", "/models")), "a champion", site.machine
    )
    version, predictions = site.predictions()
    assert version == "1"
    assert len(predictions) > 0


def test_repeated(site: Site, first: Path) -> None:
    """A second installation changes nothing and restarts nothing."""
    pids = f"systemctl show -p MainPID --value {ALL}"
    running = site.machine.run(pids)
    assert " changed=0 " in site.play("install", airworthy_bundle=str(first))
    assert site.machine.run(pids) == running


def test_a_killed_part_starts_again(site: Site) -> None:
    """With all its processes ended first."""
    site.machine.run("systemctl kill --signal=KILL --kill-whom=main airworthy-scheduler.service")
    look = "systemctl is-active airworthy-scheduler.service"
    wait_until(
        lambda: site.machine.run(look, check=False) == "active", "the scheduler", site.machine
    )
    assert len(site.machine.run("pgrep -f 'airflow scheduler'").split()) >= 1


def test_the_model_server_starts_anew_without_a_stop(site: Site) -> None:
    """A reload keeps its process id, and it answers as before."""
    answered = site.predictions()
    pid = "systemctl show -p MainPID --value airworthy-server.service"
    before = site.machine.run(pid)
    site.machine.run("systemctl reload airworthy-server.service")
    assert site.predictions() == answered
    assert site.machine.run(pid) == before


def test_upgraded(site: Site, second: Path) -> None:
    """The new version runs, and has the state of the former one: champion, predictions, ledger. A backup was made."""
    answered = site.predictions()
    site.play("upgrade", airworthy_bundle=str(second))
    assert site.version() == "1.1.0"
    assert site.predictions() == answered
    assert "the ledger is whole" in site.machine.run(f"airworthy ledger verify {MODEL}")
    assert len(site.machine.run("ls /var/backups/airworthy/*.tar.gz").split()) == 1
    assert " changed=0 " in site.play("upgrade", airworthy_bundle=str(second))


def test_an_upgrade_that_fails_goes_back(site: Site, bundle: Callable[..., Path]) -> None:
    """To the release and the state from before."""
    answered = site.predictions()
    broken = str(bundle("1.2.0", broken=True))
    told = site.play(
        "upgrade", fails=True, airworthy_bundle=broken, airworthy_upgrade_healthy_within=20
    )
    assert re.search(r"The upgrade to airworthy-1\.2\.0-\S+ failed", told), told[-3000:]
    assert site.version() == "1.1.0"
    assert site.predictions() == answered


def test_backup_and_restore(site: Site) -> None:
    """After the loss of lake and registry the restored machine answers as before, and all records agree."""
    answered = site.predictions()
    told = site.play("backup")
    [backup] = re.findall(r"/var/backups/airworthy/\S+\.tar\.gz", told)[:1]
    lost = "/var/lib/airworthy/state/lake /var/lib/airworthy/state/mlflow.db"
    site.machine.run(f"systemctl stop airworthy.target {ALL} && rm -rf {lost}")
    site.play("restore", airworthy_backup_file=backup)
    assert site.predictions() == answered
    assert "agree" in site.machine.run(f"airworthy doctor {MODEL}")
    assert "the ledger is whole" in site.machine.run(f"airworthy ledger verify {MODEL}")
    missing = site.play(
        "restore", fails=True, airworthy_backup_file="/var/backups/airworthy/none.tar.gz"
    )
    assert "is no file of this machine" in missing
    assert site.predictions() == answered


def test_uninstalled(site: Site, first: Path, before: set[str]) -> None:
    """Nothing is left but the data, which is root's. A new installation takes it over; data go when asked."""
    answered = site.predictions()
    site.play("uninstall")
    left = traces(site.machine) - before
    assert left == set(DATA)
    assert site.machine.run(f"find {' '.join(DATA)} ! -user root -o ! -type l -perm /077") == ""
    units = "systemctl list-units --all 'airworthy*' --no-legend"
    assert site.machine.run(f"getent passwd airworthy; {units}", check=False) == ""
    assert "airworthy" not in site.machine.run("ps -eo args")
    assert " changed=0 " in site.play("uninstall")
    site.play("install", airworthy_bundle=str(first))
    assert site.predictions() == answered
    site.play("uninstall", airworthy_remove_data=True)
    assert traces(site.machine) - before == set()


def traces(machine: Machine) -> set[str]:
    """Return the files outside Debian's packages where an installation may write, and the users."""
    folders = "/etc/systemd /etc/airworthy /usr/local /opt /var/lib/systemd/timers"
    skipped = (*SHARED, *DATA, "/usr/local/lib/python3.11")
    pruned = " -o ".join(f"-path {path}" for path in skipped)
    found = machine.run(
        f"find {folders} {' '.join(DATA)} \\( {pruned} \\) -prune -print -o -print; "
        "cut -d: -f1 /etc/passwd /etc/group",
        check=False,
    )
    # Timers of Debian's own leave stamps.
    return {line for line in found.splitlines() if "/stamp-" not in line or "airworthy" in line}


def wait_until(condition: Callable[[], bool], described: str, machine: Machine) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(
                f"waited in vain for {described}\n{machine.run('journalctl -u airworthy* -n 60 --no-pager')}"
            )
        time.sleep(1.0)
