"""Every documented way to a PostgreSQL server works, whose zone loses no row and no value is misread."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from sqlalchemy import URL, NullPool, create_engine, make_url
from tests.core.own_data.world import Ingested, ingest_window, write_model

from airworthy.errors import TransientError
from airworthy.known_errors import traceback_text
from airworthy.proposal.database import database_origin, database_table

from .conftest import require_programs
from .machines import Processes, network
from .services import services

QUERY = "SELECT {} FROM trips WHERE {} >= :start AND {} < :end"
EVERY = "tags::text AS tags, num, ref, doc, bin, took"
TABLE = """
ALTER ROLE mlflow SET TimeZone = 'Europe/Berlin';
CREATE TABLE trips (naive timestamp, aware timestamptz, id numeric(20), city text, minutes numeric,
    tags int[], num float8, ref uuid, doc jsonb, bin bytea, took interval);
INSERT INTO trips SELECT at, at AT TIME ZONE 'UTC', 9007199254740993 + n, 'rome', n + 0.25,
    '{1,2}', 1.5, '00000000-0000-0000-0000-000000000001', '{"a": 1}', 'x', '90 minutes'
FROM generate_series(0, 143) n, LATERAL (SELECT timestamp '2026-01-01' + n * interval '30 min' AS at) t
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database with trips of three days, without a driver in it."""
    require_programs()
    folder = tmp_path_factory.mktemp("postgresql")
    with (
        network(folder / "machine") as machines,
        services(machines, Processes(folder)) as shared,
    ):
        url = shared.databases["mlflow"]
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(TABLE)
        plain = make_url(url).set(drivername="postgresql")
        yield plain.render_as_string(hide_password=False)


def read(root: Path, address: str, query: str, columns: dict[str, str], **ingest: Any) -> Ingested:
    """Ingest the three days of a query."""
    source = {"type": "sql", "url": address, "query": query}
    job = write_model(root, source={}, columns=columns, ingest={"source": source, **ingest})
    return ingest_window(job)


COLUMNS = {"id": "int", "city": "category", "minutes": "float"}


@pytest.mark.parametrize("kind", ["naive", "aware"])
def test_a_day_is_utc_whatever_the_server_s_zone(tmp_path: Path, address: str, kind: str) -> None:
    """Each row of each day comes in, with its own time."""
    query = QUERY.format(f"{kind} AS at, id, city, minutes", kind, kind)
    result = read(tmp_path, address, query, COLUMNS)
    assert (result.message, result.rows.height) == ("", 144)
    assert result.rows["at"].min() == datetime(2026, 1, 1, tzinfo=UTC)
    assert result.rows["id"].n_unique() == 144


def test_values_of_every_type_come_as_numbers_or_texts(tmp_path: Path, address: str) -> None:
    """None of them ends in a traceback, and decimals keep all digits."""
    query = QUERY.format(f"naive AS at, id, {EVERY}, minutes", "naive", "naive")
    texts = dict.fromkeys(("tags", "ref", "doc", "bin", "took"), "string")
    columns = {"id": "int", **texts, "num": "float", "minutes": "float"}
    result = read(tmp_path, address, query, columns)
    assert result.message == ""
    assert result.rows.drop("at").row(0, named=True) == {
        "id": 9007199254740993,
        "tags": "{1,2}",
        "ref": "00000000-0000-0000-0000-000000000001",
        "doc": '{"a": 1}',
        "bin": "78",
        "took": "1:30:00",
        "num": 1.5,
        "minutes": 0.25,
    }


def test_new_model_reads_columns_of_every_type(address: str) -> None:
    """Arrays, JSON, UUIDs, bytes and intervals are the texts that the model's source gives."""
    table = database_table(database_origin(address, "trips", None))
    row = table.scan.head(1).collect().row(0, named=True)
    assert {name: row[name] for name in ("tags", "ref", "doc", "bin", "took", "minutes")} == {
        "tags": "[1, 2]",
        "ref": "00000000-0000-0000-0000-000000000001",
        "doc": '{"a": 1}',
        "bin": "78",
        "took": "1:30:00",
        "minutes": 0.25,
    }


def as_json(url: URL) -> str:
    """Return an address as an Airflow connection in JSON."""
    parts = {"login": url.username, "password": url.password, "host": url.host, "port": url.port}
    return json.dumps({"conn_type": "postgres", "schema": url.database, **parts})


def text(url: URL) -> str:
    """Return an address with its password."""
    return url.render_as_string(hide_password=False)


def with_driver(name: str) -> Callable[[URL], str]:
    """Return a function that gives an address a name of dialect and driver."""
    return lambda url: text(url.set(drivername=name))


def with_parameter(url: URL) -> str:
    """Return an address with its password among the parameters."""
    return text(url._replace(password=None).update_query_dict({"password": str(url.password)}))


NAMES = ("postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg")
FORMS = {**{name: with_driver(name) for name in NAMES}, "parameter": with_parameter}
CONNECTIONS = {"URI": FORMS["postgres"], "JSON": as_json}


@pytest.mark.parametrize("form", FORMS)
def test_every_documented_address_reaches_the_server(
    tmp_path: Path, address: str, form: str
) -> None:
    """A source and `new-model --from` take each of them, and show no password."""
    url = FORMS[form](make_url(address))
    result = read(
        tmp_path, url, QUERY.format("aware AS at, id, city, minutes", *["aware"] * 2), COLUMNS
    )
    assert (result.message, result.rows.height) == ("", 144)
    origin = database_origin(url, "trips", None)
    assert database_table(origin).rows == 144
    assert str(make_url(address).password) not in origin.text
    assert origin.url_in_spec(tmp_path, tmp_path) is None


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_password_is_not_told(tmp_path: Path, address: str, form: str) -> None:
    """The server refuses it; the message says so, and what to check."""
    wrong = make_url(address).set(password="Geheim-7f3a/91c@x")
    result = read(tmp_path, FORMS[form](wrong), QUERY.format("*", "aware", "aware"), COLUMNS)
    assert isinstance(result.error, TransientError)
    assert "password authentication failed" in result.message
    assert "Geheim" not in result.message + traceback_text(result.error)
    assert "91c" not in result.message + traceback_text(result.error)


@pytest.mark.parametrize("form", CONNECTIONS)
def test_an_airflow_connection_reaches_the_server(
    tmp_path: Path, address: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``AIRFLOW_CONN_<ID>`` names no driver."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", CONNECTIONS[form](make_url(address)))
    query = QUERY.format("aware AS at, id, city, minutes", "aware", "aware")
    source = {"type": "sql", "connection": "shop", "query": query}
    job = write_model(tmp_path, source={}, columns=COLUMNS, ingest={"source": source})
    result = ingest_window(job)
    assert (result.message, result.rows.height) == ("", 144)


def test_mlflow_keeps_its_runs_at_a_plain_address(address: str) -> None:
    """SQLAlchemy chooses psycopg 3 for ``postgresql://``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = MlflowClient(address)
        experiment = client.create_experiment("trips")
        run = client.create_run(experiment)
    assert client.get_run(run.info.run_id).info.experiment_id == experiment
