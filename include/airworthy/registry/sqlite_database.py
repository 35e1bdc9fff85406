"""Makes an SQLite database under one lock, in a file that gets its name when it is whole.

A process that is killed while it makes the tables leaves a file beside the database, which the next
one replaces. Versions before 0.3.0 made the tables in the database itself. What they left half made
is set aside.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from filelock import FileLock

log = logging.getLogger("airworthy.registry")

_COMPANIONS = ("-journal", "-wal", "-shm")


def make_whole(database: Path, make: Callable[[Path], None], proof: str) -> None:
    """Make a database, unless it is there and whole.

    Args:
        database: The file.
        make: Makes the database in another file, and has closed it when it returns.
        proof: A query. It has a row in each database that was made to the end.

    Raises:
        OSError: when the folder cannot be written to.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock"):
        if database.exists() and not _has_row(database, proof):
            _set_aside(database)
        if not database.exists():
            _replace(database, make)


def change_whole(database: Path, change: Callable[[Path], None]) -> None:
    """Change a database in a copy, which replaces it when the change is done. Nobody may use it.

    Args:
        database: The file.
        change: Changes the database in another file, and has closed it when it returns.
    """

    def make(part: Path) -> None:
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        change(part)

    with FileLock(f"{database}.lock"):
        _replace(database, make)


def _replace(database: Path, make: Callable[[Path], None]) -> None:
    part = database.with_name(f".{database.name}.part")
    _remove(part)
    make(part)
    # Nothing of it may be left in a companion: only the file is renamed.
    with closing(sqlite3.connect(part)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    for suffix in _COMPANIONS:
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    part.replace(database)


def _has_row(database: Path, query: str) -> bool:
    """Tell whether a query has a row. A file that is no database is left to its owner's message."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchone() is not None
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.DatabaseError:
        return True


def _set_aside(database: Path) -> None:
    number = 1
    while (aside := database.with_name(f"{database.name}.half-made-{number}")).exists():
        number += 1
    log.warning("%s was half made; it is %s now, and a new one is made", database, aside.name)
    database.rename(aside)
    _remove(database)


def _remove(database: Path) -> None:
    for suffix in ("", *_COMPANIONS):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
