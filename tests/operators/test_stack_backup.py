"""Backups of the state folder while it is written, and their restoration."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from filelock import FileLock

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy_airflow.stack.__main__ import main
from airworthy_airflow.stack.backup import back_up
from airworthy_airflow.stack.layout import Layout, load_layout
from airworthy_airflow.stack.restore import restore
from airworthy_airflow.stack.settings import MARKER


@pytest.fixture
def layout(environment: Environment) -> Layout:
    """The stack of an empty environment, with a file in its state folder."""
    found = load_layout()
    (found.state / "stack").mkdir(parents=True, exist_ok=True)
    (found.state / "stack" / "secrets.json").write_text("{}", encoding="utf-8")
    return found


@contextmanager
def writer(state: Path) -> Iterator[None]:
    """Write without a pause: an object, a row of MLflow's database that names it, a commit with its number."""
    objects, table = state / "mlartifacts", state / "lake" / "eta" / "data"
    objects.mkdir()
    stop = threading.Event()
    with closing(sqlite3.connect(state / "mlflow.db")) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE versions (object TEXT)")
        made.commit()
    pl.DataFrame({"number": [0]}).write_delta(str(table))

    def write() -> None:
        with closing(sqlite3.connect(state / "mlflow.db", timeout=30)) as database:
            number = 0
            while not stop.is_set():
                number += 1
                (objects / f"{number}").write_text(str(number), encoding="utf-8")
                database.execute("INSERT INTO versions VALUES (?)", (str(number),))
                database.commit()
                pl.DataFrame({"number": [number]}).write_delta(str(table), mode="append")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def rows(state: Path) -> list[str]:
    """Return the objects that MLflow's database names."""
    with closing(sqlite3.connect(state / "mlflow.db")) as database:
        return [name for (name,) in database.execute("SELECT object FROM versions")]


def test_a_backup_names_nothing_that_it_lacks(layout: Layout, tmp_path: Path) -> None:
    """Each restored table can be read, and each object that a table or a row names is there."""
    with writer(layout.state):
        backups = [back_up(layout, tmp_path / "backups", keep=9) for _ in range(5)]
    for number, backup in enumerate(backups):
        other = replace(layout, state=tmp_path / f"other{number}" / "state")
        other.state.parent.mkdir()
        assert backup.name in restore(other, backup)
        named = rows(other.state)
        assert all((other.state / "mlartifacts" / name).is_file() for name in named)
        committed = DeltaTable(str(other.state / "lake" / "eta" / "data")).to_pyarrow_table()
        # The ledger is older than the registry: no entry names a version that MLflow does not have.
        assert set(map(str, committed.column("number").to_pylist())) <= {"0", *named}
    assert rows(tmp_path / "other4" / "state") >= rows(tmp_path / "other0" / "state")


def test_the_former_state_stays_beside_the_restored_one(layout: Layout, tmp_path: Path) -> None:
    """All that is restored is its owner's alone. A restoration may be repeated."""
    backup = back_up(layout, tmp_path / "backups", keep=1)
    (layout.state / "later").write_text("made after the backup", encoding="utf-8")
    restore(layout, backup)
    assert not (layout.state / "later").exists()
    assert (layout.state / "stack" / "secrets.json").read_text(encoding="utf-8") == "{}"
    [aside] = layout.state.parent.glob(f"{layout.state.name}.before-restore-*")
    assert (aside / "later").is_file()
    modes = {path.stat().st_mode & 0o077 for path in (layout.state, *layout.state.rglob("*"))}
    assert modes == {0}
    assert {path.stat().st_mode & 0o077 for path in backup.parent.iterdir()} == {0}
    assert main(["restore", str(backup)]) == 0


def test_the_newest_backups_stay(layout: Layout, tmp_path: Path) -> None:
    """Digests go with their backups, and what a killed backup left goes too."""
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / ".airworthy-20260101T000000.000000Z.tar.gz.part").write_bytes(b"half")
    (folder / "notes.txt").write_text("not ours", encoding="utf-8")
    made = [back_up(layout, folder, keep=2) for _ in range(3)]
    digests = [Path(f"{path}.sha256") for path in made[1:]]
    assert set(folder.iterdir()) == {*made[1:], *digests, folder / "notes.txt", folder / ".lock"}
    checked = subprocess.run(
        ["sha256sum", "--check", *map(str, digests)], cwd=folder, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def rewritten(backup: Path, name: str, content: bytes, *, first: bytes | None = None) -> None:
    """Replace a backup by another archive, with the right digest beside it."""
    manifest = {"format": 1, "airworthy": "0.1", "time": "2026-01-01", "elsewhere": []}
    with tarfile.open(backup, "w:gz") as archive:
        for member, text in (
            ("manifest.json", first or json.dumps(manifest).encode()),
            (name, content),
        ):
            info = tarfile.TarInfo(member)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    digest = hashlib.sha256(backup.read_bytes()).hexdigest()
    Path(f"{backup}.sha256").write_text(f"{digest}  {backup.name}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read"),
        (lambda path: path.write_bytes(b"no archive"), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: Path(f"{path}.sha256").write_text("0" * 64 + "  x\n"), "another file"),
        (lambda path: rewritten(path, "state/../../escaped", b"x"), "no backup of Airworthy"),
        (lambda path: rewritten(path, "/escaped", b"x"), "no backup of Airworthy"),
        (lambda path: rewritten(path, "state//escaped", b"x"), "no backup of Airworthy"),
        (lambda path: rewritten(path, "state/x", b"x", first=b"not json"), "no backup of Airworthy"),
        (
            lambda path: rewritten(
                path, "state/x", b"x", first=json.dumps({"format": 1, "airworthy": "99.0", "time": ""}).encode()
            ),
            "newer version",
        ),
        (lambda path: path.unlink(), "no such backup"),
    ],
)  # fmt: skip
def test_what_is_no_whole_backup_changes_nothing(
    layout: Layout, tmp_path: Path, damage: object, problem: str
) -> None:
    """A damaged, exchanged, foreign or newer backup is refused with its reason."""
    backup = back_up(layout, tmp_path / "backups", keep=1)
    damage(backup)  # type: ignore[operator]
    (layout.state / "later").write_text("still here", encoding="utf-8")
    with pytest.raises(TerminalError, match=problem):
        restore(layout, backup)
    assert (layout.state / "later").is_file()
    beside = {path.name for path in layout.state.parent.iterdir()}
    assert not any("restor" in name or "escaped" in name for name in beside)


def test_a_running_stack_is_not_replaced(layout: Layout, tmp_path: Path) -> None:
    """Its processes would go on writing into the former state."""
    backup = back_up(layout, tmp_path / "backups", keep=1)
    variables = {**os.environ, MARKER: str(layout.state)}
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], env=variables, stdin=subprocess.PIPE
    ) as part:
        with pytest.raises(TerminalError, match="the stack runs"):
            restore(layout, backup)
        part.kill()


def test_a_backup_that_would_be_lost_is_refused(layout: Layout, tmp_path: Path) -> None:
    """In the state folder, removed at once, or by another one that is being made. Nothing is written."""
    inside = layout.state / "backups"
    assert main(["backup", str(inside)]) == 1
    assert main(["backup", str(tmp_path / "backups"), "--keep", "0"]) == 1
    assert not inside.exists()
    assert not (tmp_path / "backups").exists()
    (tmp_path / "backups").mkdir()
    with FileLock(tmp_path / "backups" / ".lock"):
        assert main(["backup", str(tmp_path / "backups")]) == 1


def test_a_backup_says_what_it_lacks(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database elsewhere is named when the backup is restored; its password is not."""
    elsewhere = replace(layout, tracking_uri="postgresql://mlflow:secret@db/mlflow")
    backup = back_up(elsewhere, tmp_path / "backups", keep=1)
    with tarfile.open(backup) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert b"secret" not in manifest.read()
    assert restore(layout, backup).splitlines()[-1].endswith("tracking_uri")
