"""Another user of the machine reads nothing of the state folder, whatever the umask was."""

from __future__ import annotations

import configparser
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import airworthy
from airworthy.cli.private_files import close_new_files
from airworthy.environment import Environment
from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.programs import commands, supervisord_config
from airworthy_airflow.stack.secret_keys import Secrets
from airworthy_airflow.stack.settings import airflow_settings
from airworthy_airflow.stack.state_folder import close_state

NOBODY = "65534"
LOCAL = Path(airworthy.__file__).with_name("local.yaml")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user reaches, and an umask that takes no right from anybody."""
    folder, before = Path(tempfile.mkdtemp(prefix="airworthy-shared-")), os.umask(0)
    folder.chmod(0o755)
    yield folder
    os.umask(before)
    shutil.rmtree(folder)


def open_to_others(folder: Path) -> list[str]:
    """Return what others have a right to, below a folder and the folder itself."""
    return [
        str(path)
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def as_another_user(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the user nobody."""
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    return subprocess.run(other, capture_output=True, text=True, check=False)


def test_a_state_that_was_open_is_closed(shared: Path) -> None:
    """An older version's state, too; a link's target outside it stays as it is."""
    state, outside = shared / "state", shared / "outside"
    outside.write_text("everybody's")
    (state / "airflow" / "logs").mkdir(parents=True)
    (state / "airflow" / "airflow.db").write_text("secret")
    (state / "link").symlink_to(outside)
    assert len(open_to_others(state)) == 4
    close_state(state)
    (state / "later").mkdir()
    (state / "later" / "file").write_text("secret")
    assert open_to_others(state) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o666
    if os.geteuid() == 0:
        assert as_another_user("cat", str(outside)).stdout == "everybody's"
        assert as_another_user("ls", str(state)).returncode != 0
        assert as_another_user("cat", str(state / "airflow" / "airflow.db")).stdout == ""


@pytest.mark.parametrize(
    ("command", "lake", "rights"),
    [
        ("run", "{state}/lake", 0o600),
        ("serve", "{state}/lake", 0o600),
        ("new-model", "{state}/lake", 0o666),
        ("run", "/shared/lake", 0o666),
    ],
)
def test_a_command_writes_private_files(
    shared: Path, monkeypatch: pytest.MonkeyPatch, command: str, lake: str, rights: int
) -> None:
    """Without the stack, too. A file for people, and a lake that people share, keep the umask."""
    environments = shared / "include" / "environments"
    environments.mkdir(parents=True)
    content = LOCAL.read_text(encoding="utf-8").replace("{state}/lake", lake)
    (environments / "local.yaml").write_text(content, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(shared))
    close_new_files([command])
    (shared / "written").touch()
    assert stat.S_IMODE((shared / "written").stat().st_mode) == rights


def test_every_part_of_the_stack_has_a_private_umask(environment: Environment) -> None:
    """Supervisord itself applies none when it is no daemon; Airflow gives logs rights of its own."""
    layout = load_layout()
    config = configparser.RawConfigParser()
    config.read_string(supervisord_config(layout))
    umasks = {name: config[f"program:{name}"]["umask"] for name in commands(layout)}
    assert set(umasks.values()) == {"077"}
    settings = airflow_settings(layout, Secrets("f", "j", "s", "p"))
    rights = {value for name, value in settings.items() if "NEW_F" in name}
    assert rights == {"0o700", "0o600"}
