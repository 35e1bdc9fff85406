"""MLflow's SQLite database: made whole, and its artifacts found where the state folder is now."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from airworthy.registry.sqlite_database import change_whole, make_whole

# MLflow adds the default experiment after the last table.
_PROOF = "SELECT 1 FROM experiments LIMIT 1"
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)


def database_file(uri: str) -> Path:
    """Return the file of a ``sqlite:///`` address."""
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def ensure_database(uri: str, artifacts: str) -> None:
    """Make MLflow's tables under a lock, unless they are there. Two processes would race to do it.

    Args:
        uri: The ``sqlite:///`` address.
        artifacts: The place of the artifacts, a folder or an address.
    """
    database = database_file(uri)
    make_whole(database, lambda part: _make_new(f"sqlite:///{part}", artifacts), _PROOF)


def upgrade_database(uri: str) -> None:
    """Bring an older database's tables to MLflow's present ones. No process may use it.

    Args:
        uri: The ``sqlite:///`` address.
    """
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine_with_retry(uri)
    try:
        is_current = utils._get_schema_version(engine) == utils._get_latest_schema_revision()
    finally:
        engine.dispose()
    if not is_current:
        change_whole(database_file(uri), _upgrade)


def make_tables(uri: str, artifacts: str) -> None:
    """Make or upgrade the tables in a database that has them, or is empty.

    Args:
        uri: The address of the database.
        artifacts: The place of the artifacts, a folder or an address.
    """
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine_with_retry(uri)
    try:
        utils._safe_initialize_tables(engine)
        utils._upgrade_db(engine)
    finally:
        engine.dispose()
    _make_new(uri, artifacts)


def _make_new(uri: str, artifacts: str) -> None:
    """Make the tables in an empty database, and the default experiment."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, artifacts).engine.dispose()


def _upgrade(part: Path) -> None:
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine_with_retry(f"sqlite:///{part}")
    try:
        utils._upgrade_db(engine)
    finally:
        engine.dispose()


def follow_moved_artifacts(uri: str, artifacts: str) -> int:
    """Point MLflow to its artifacts after the folder with them was moved; return the changed rows.

    MLflow stores absolute paths. They are changed where their old folder is gone, and a folder of
    the same name is at the present place. No process may write meanwhile.

    Args:
        uri: The ``sqlite:///`` address.
        artifacts: The folder of the artifacts.
    """
    database, folder = database_file(uri), Path(artifacts)
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        old = _old_root(connection, folder)
        if old is None:
            return 0
        with connection:
            return sum(_moved(connection, *each, old, folder) for each in _LOCATIONS)


def _old_root(connection: sqlite3.Connection, folder: Path) -> str | None:
    """Return the folder that the locations name, when it is gone and its content is in `folder`."""
    query = "SELECT artifact_location FROM experiments WHERE name != 'Default'"
    for (location,) in connection.execute(query):
        path = Path(str(location).removeprefix("file://"))
        is_gone = path.is_absolute() and not path.parent.exists()
        if is_gone and path.parent != folder and (folder / path.name).is_dir():
            return str(path.parent)
    return None


def _moved(connection: sqlite3.Connection, table: str, column: str, old: str, new: Path) -> int:
    """Change the start of a column's paths; return the number of changed rows."""
    changed = 0
    for before, after in ((old, str(new)), (f"file://{old}", f"file://{new}")):
        statement = (
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - own names
            f"WHERE substr({column}, 1, ?) = ?"
        )
        length = len(before) + 1
        values = (f"{after}/", length + 1, length, f"{before}/")
        changed += connection.execute(statement, values).rowcount
    return changed
