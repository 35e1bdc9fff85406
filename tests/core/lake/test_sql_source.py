"""A database is asked for one UTC day at a time, and its secrets stay out of every message."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.core.lake.conftest import MakeJob

from airworthy.errors import TerminalError, TransientError
from airworthy.lake.sources import open_source
from airworthy.lake.sources.sql_address import connection_url
from airworthy.lake.sources.sql_source import Sql

QUERY = "SELECT at, id, city, minutes FROM trips WHERE at >= :start AND at < :end ORDER BY id"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A real SQLite file with trips on both sides of a midnight."""
    path = tmp_path / "trips.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trips (at TEXT, id INTEGER, city TEXT, minutes)")
        rows = [
            ("2025-12-31 23:59:59", 1, "rome", 1.0),
            ("2026-01-01 00:00:00", 2, "rome", 2.0),
            ("2026-01-01T12:00:00", 3, None, 3),
            ("2026-01-01 23:59:59.999999", 4, "oslo", "many"),
            ("2026-01-02 00:00:00", 5, "rome", 5.0),
        ]
        connection.executemany("INSERT INTO trips VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


def sql(**more: Any) -> dict[str, Any]:
    """Return an SQL source."""
    return {"type": "sql", "query": QUERY, **more}


def test_a_day_is_half_open(make_job: MakeJob, database: Path) -> None:
    """The day's first instant belongs to it, the next day's does not; mixed cells come as text,
    none is lost.
    """
    read_rows = open_source(make_job(source=sql(url=f"sqlite:///{database}"))).read(
        date(2026, 1, 1)
    )
    assert read_rows is not None
    assert read_rows["id"].to_list() == [2, 3, 4]
    assert read_rows["minutes"].to_list() == ["2.0", "3", "many"]


def test_a_day_without_rows_is_nothing(make_job: MakeJob, database: Path) -> None:
    """No row is no data, not an empty partition."""
    assert (
        open_source(make_job(source=sql(url=f"sqlite:///{database}"))).read(date(2027, 1, 1))
        is None
    )


def test_the_first_and_the_last_day_are_told(make_job: MakeJob, database: Path) -> None:
    """A window without a row is answered with the days that there are."""
    source = open_source(make_job(source=sql(url=f"sqlite:///{database}")))
    assert isinstance(source, Sql)
    assert source.days() == (date(2025, 12, 31), date(2026, 1, 2))


@pytest.mark.parametrize("form", ["uri", "json"])
def test_an_airflow_connection(
    make_job: MakeJob, database: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A connection's id is looked up in Airflow's first place, in both of Airflow's forms."""
    value = (
        f"sqlite:///{database}"
        if form == "uri"
        else f'{{"conn_type": "sqlite", "host": "{database}"}}'
    )
    monkeypatch.setenv("AIRFLOW_CONN_TRIPS_DB", value)
    read_rows = open_source(make_job(source=sql(connection="trips_db"))).read(date(2026, 1, 2))
    assert read_rows is not None
    assert read_rows["id"].to_list() == [5]


def test_an_unknown_connection_is_named(make_job: MakeJob) -> None:
    """The error for a missing connection names the variable to set."""
    with pytest.raises(TerminalError, match="'nowhere' is not known here") as caught:
        open_source(make_job(source=sql(connection="nowhere"))).read(date(2026, 1, 1))
    assert "AIRFLOW_CONN_NOWHERE" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (
            "postgres://me:pa%2Fss@db.example:5432/trips",
            "postgresql+psycopg2://me:pa%2Fss@db.example:5432/trips",
        ),
        (
            '{"conn_type": "postgres", "login": "me", "password": "pa/ss", "host": "h", "port": 5, "schema": "s"}',
            "postgresql+psycopg2://me:pa%2Fss@h:5/s",
        ),
        ("mysql://me@h/s?__extra__=%7B%7D&charset=utf8", "mysql+pymysql://me@h/s?charset=utf8"),
    ],
)
def test_connections_become_urls(value: str, url: str) -> None:
    """Airflow's names of databases become SQLAlchemy's; passwords keep their special characters."""
    assert connection_url(value).render_as_string(hide_password=False) == url


def test_wrong_queries_and_files_are_terminal(
    make_job: MakeJob, database: Path, tmp_path: Path
) -> None:
    """An impossible query and a missing file are errors; no empty database is created."""
    wrong = sql(url=f"sqlite:///{database}") | {
        "query": "SELECT absent FROM trips WHERE at > :start AND at < :end"
    }
    with pytest.raises(TerminalError, match="the query fails") as caught:
        open_source(make_job(source=wrong)).read(date(2026, 1, 1))
    assert "no such column" in str(caught.value.received)
    with pytest.raises(TerminalError, match="no such SQLite file"):
        open_source(make_job(source=sql(url=f"sqlite:///{tmp_path}/other.db"))).read(
            date(2026, 1, 1)
        )
    assert not (tmp_path / "other.db").exists()


def test_a_locked_database_is_transient_and_the_password_hidden(
    make_job: MakeJob, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock passes; and an address with a password is never shown with it."""
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        locked = open_source(make_job(source=sql(url=f"sqlite:///{database}?timeout=0.1")))
        with pytest.raises(TransientError, match="cannot be reached"):
            locked.read(date(2026, 1, 1))
    finally:
        holder.close()
    source = open_source(make_job(source=sql(url="postgresql+nodriver://me:hunter2@127.0.0.1:1/x")))
    with pytest.raises(TerminalError) as caught:
        source.read(date(2026, 1, 1))
    assert "hunter2" not in str(caught.value) + source.describe()
    assert "me:***@" in source.describe()
