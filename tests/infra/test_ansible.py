"""The files of infra/ansible: the bundle, the settings, the services. `make ansible-test` runs it on a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra.ansible.bundle import write_bundle

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.spec.release_part import ReleaseDefaults
from airworthy_airflow.stack.__main__ import main
from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.programs import commands, part_commands
from airworthy_airflow.stack.services import run_part

PROJECT = Path(__file__).resolve().parents[2]
ROLE = PROJECT / "infra" / "ansible" / "roles" / "airworthy"
RENDERED = (
    "airworthy.env",
    "environment.yaml",
    "part.service",
    "airworthy-prepare.service",
    "airworthy-backup.service",
)
CONFINED = (
    "User=airworthy",
    "UMask=0077",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "RestrictNamespaces=yes",
    "SystemCallFilter=@system-service",
)
ODD = """it's "odd": $HOME `id` \\n %h #1"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the role's templates, filled by Ansible with the defaults and one odd variable."""
    folder = tmp_path_factory.mktemp("rendered")
    part = {"name": "server", "description": "it", "stop_seconds": 30}
    texts = {
        name: f"{{{{ lookup('ansible.builtin.template', '{ROLE}/templates/{name}.j2') }}}}"
        for name in RENDERED
    }
    task = {"ansible.builtin.copy": {"content": texts, "dest": f"{folder}/all.json"}}
    files = [f"{ROLE}/{kind}/main.yml" for kind in ("defaults", "vars")]
    variables = {
        "airworthy_variables": {"ODD": ODD},
        "airworthy_users": {"eve": "viewer", "bob": "user"},
        "item": part,
    }
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    play |= {"vars_files": files, "tasks": [task]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    tool = Path(sys.prefix) / "infra" / "bin" / "ansible-playbook"
    home = {"ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_LOCALHOST_WARNING": "False"}
    done = subprocess.run(
        [tool, folder / "play.yml", "--extra-vars", json.dumps(variables)],
        env={**os.environ, **home},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name, text in json.loads((folder / "all.json").read_text(encoding="utf-8")).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def defaults(name: str) -> Any:
    """Return a variable of the role."""
    files = [
        yaml.safe_load((ROLE / kind / "main.yml").read_text(encoding="utf-8"))
        for kind in ("defaults", "vars")
    ]
    return {**files[0], **files[1]}[name]


def test_every_part_of_the_stack_is_a_service(environment: Environment) -> None:
    """None ends orphans by itself: to it, all other services would be orphans."""
    own = part_commands(load_layout())
    assert [part["name"] for part in defaults("airworthy_parts")] == list(own)
    assert own.keys() == commands(load_layout()).keys()
    assert not any("airworthy_airflow.stack.part" in command for command in own.values())


def test_a_part_that_is_none_is_named_with_those_that_are(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line too, without a traceback."""
    with pytest.raises(TerminalError, match="no such part"):
        run_part(load_layout(), "cellar", {})
    assert main(["run", "cellar"]) == 1
    assert "api-server, scheduler" in capsys.readouterr().err


def test_the_same_checkout_gives_the_same_bundle(tmp_path: Path) -> None:
    """Byte by byte, so a repeated installation changes nothing. It has all that the wheel lacks, and no cache."""
    wheel = tmp_path / "airworthy-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    first = write_bundle(PROJECT, wheel, "a" * 40)
    content = first.read_bytes()
    assert first.name == "airworthy-1.2.3-aaaaaaaaaaaa.tar.gz"
    assert write_bundle(PROJECT, wheel, "a" * 40).read_bytes() == content
    with tarfile.open(first) as archive:
        names = archive.getnames()
        settings = archive.extractfile("release.env")
        assert settings is not None
        assert settings.read().decode().startswith("AIRWORTHY_GIT_COMMIT=" + "a" * 40 + "\n")
    dags = {f"project/dags/{path.name}" for path in (PROJECT / "dags").glob("*.py")}
    assert dags | {wheel.name, "requirements.txt", "requirements-build.txt"} <= set(names)
    assert "project/include/models/delivery_eta/model.yaml" in names
    assert not any("__pycache__" in name or name.startswith("/") for name in names)


def test_what_nobody_configured_is_careful(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person approves, a version takes over step by step, and changed files are refused."""
    project = rendered / "project"
    folder = project / "include" / "environments"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "machine.yaml").write_bytes((rendered / "environment.yaml").read_bytes())
    for name in [name for name in os.environ if name.startswith("AIRWORTHY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(project))
    monkeypatch.setenv("AIRWORTHY_ENV", "machine")
    monkeypatch.setenv("AIRWORTHY_STATE", str(rendered / "state"))
    found = load_environment()
    assert found.lake == str(rendered / "state" / "lake")
    production = PROJECT / "include" / "environments" / "production.yaml"
    careful = yaml.safe_load(production.read_text(encoding="utf-8"))["release"]
    assert found.release == ReleaseDefaults.model_validate(careful)


def test_a_setting_with_any_character_reaches_commands_as_it_is(rendered: Path) -> None:
    """The shell expands nothing of it. `make ansible-test` asks systemd the same."""
    script = f'. {rendered / "airworthy.env"}; printf \'%s|%s\' "$ODD" "$AIRWORTHY_USERS"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == f"{ODD}|bob:user,eve:viewer"


@pytest.mark.parametrize("unit", ["part", "airworthy-prepare", "airworthy-backup"])
def test_a_service_is_confined(rendered: Path, unit: str) -> None:
    """No root, no capability, no new right, nothing to write on but the data."""
    lines = (rendered / f"{unit}.service").read_text(encoding="utf-8").splitlines()
    assert set(CONFINED) <= set(lines)
    writable = [line.partition("=")[2] for line in lines if line.startswith("ReadWritePaths=")]
    backups = ["/var/backups/airworthy"] if unit == "airworthy-backup" else []
    assert sorted(writable) == sorted([*backups, "/var/lib/airworthy"])
