"""An archive of a state folder: packing it, and unpacking it somewhere else.

An archive holds ``models`` (specs and features), ``state`` (an environment's state folder) and
``facts.json``. All of it was made below `ROOT`. Lake, ledger and spool work wherever they lie.
MLflow's database names absolute paths: they are rewritten when an archive is unpacked.
"""

from __future__ import annotations

import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

ROOT = Path("/srv/airworthy-state")
DATABASE = "mlflow.db"
_PARTS = ("models", "state", "facts.json")
# Pages and pictures for people, the copy of the package that MLflow keeps with a model, locks, and
# a server's secret: no command reads them again.
_LEFT_OUT = (
    "*.html",
    "*.png",
    "*.pyc",
    "*.lock",
    "__pycache__",
    "artifacts/code",
    "locks",
    "scratch",
    "server_token",
)


def pack(root: Path, archive: Path) -> None:
    """Pack a finished state folder.

    Args:
        root: The folder with `models`, `state` and `facts.json`. Nothing writes to it any more.
        archive: The file to write, ``.tar.xz``.
    """
    with closing(sqlite3.connect(root / "state" / DATABASE, isolation_level=None)) as database:
        database.execute("VACUUM")
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for part in _PARTS:
            packed.add(root / part, part, filter=_kept)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into an empty folder, and make MLflow find its files there."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    relocate(folder / "state" / DATABASE, str(ROOT), str(folder))


def relocate(database: Path, before: str, after: str) -> None:
    """Replace a path in every text of an SQLite database, in every table and column.

    Args:
        database: The file.
        before: The path in the texts.
        after: The path in its place.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in _columns(connection):
            change = f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?)'
            where = f'WHERE typeof("{column}") = \'text\' AND instr("{column}", ?)'
            connection.execute(f"{change} {where}", (before, after, before))


def _columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for column in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
            yield table, column[1]


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if any(Path(member.name).match(pattern) for pattern in _LEFT_OUT):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
