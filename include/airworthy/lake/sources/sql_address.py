"""The address of a database: from an SQLAlchemy URL or from an Airflow connection, with a driver."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from airworthy.errors import TerminalError
from airworthy.lake.sources.source import MissingSourceError

# SQLAlchemy's own default for PostgreSQL is another driver than the one that is installed here.
_POSTGRESQL = "postgresql+psycopg2"
DRIVERS = {
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "mssql": "mssql+pymssql",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The name of a database in a URL or a connection -> dialect and driver."""
_PACKAGES = {
    "psycopg2": "psycopg2-binary",
    "psycopg": "psycopg[binary]",
    "pymysql": "PyMySQL",
    "mysqldb": "mysqlclient",
    "oracledb": "oracledb",
    "pyodbc": "pyodbc",
    "pymssql": "pymssql",
    "duckdb": "duckdb-engine",
    "snowflake": "snowflake-sqlalchemy",
    "bigquery": "sqlalchemy-bigquery",
    "trino": "trino[sqlalchemy]",
    "redshift": "sqlalchemy-redshift",
    "databricks": "databricks-sqlalchemy",
    "clickhouse": "clickhouse-sqlalchemy",
}


def with_driver(url: URL) -> URL:
    """Return a URL with the driver of a database that was named without one.

    >>> str(with_driver(make_url("postgresql://me@db/rides")))
    'postgresql+psycopg2://me@db/rides'
    """
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def package_of(url: URL) -> str:
    """Return the Python package that brings the driver of a URL."""
    backend, _, driver = url.drivername.partition("+")
    return _PACKAGES.get(driver) or _PACKAGES.get(backend) or driver or f"SQLAlchemy's {backend}"


def sqlite_file(url: URL, text: str, folder: Path) -> URL:
    """Return the URL of an SQLite file with its whole path.

    Args:
        url: The parsed address.
        text: The address as it is written. A file's name may have a ``?`` or ``%20``.
        folder: A relative path is relative to it.

    Raises:
        TerminalError: when there is no such file: SQLite would make an empty database.
    """
    written = text.partition(":///")[2]
    literal = folder / Path(written).expanduser()
    if literal.is_file():
        return URL.create(url.drivername, database=str(literal))
    path = folder / Path(str(url.database)).expanduser()
    if path.is_file():
        return url.set(database=str(path))
    raise MissingSourceError(
        "there is no such SQLite file",
        received=path,
        allowed="a file; a relative path is relative to the model's folder",
        next_step="correct ingest.source, or make the file",
    )


def parse_url(text: str) -> URL:
    """Return an SQLAlchemy URL with a driver.

    Raises:
        TerminalError: when the text is none. The error does not repeat it: it may have a password.
    """
    try:
        return with_driver(make_url(text))
    except (ArgumentError, ValueError):
        raise TerminalError(
            "ingest.source.url is no SQLAlchemy URL",
            received="an address that cannot be read",
            allowed="dialect+driver://user:password@host:port/database",
            next_step="correct ingest.source.url",
        ) from None


def connection_url(value: str) -> URL:
    """Convert an Airflow connection, a URI or JSON, into an SQLAlchemy URL.

    >>> str(connection_url("postgres://me@db:5432/rides"))
    'postgresql+psycopg2://me@db:5432/rides'

    Raises:
        ValueError: when it is neither.
    """
    if not value.lstrip().startswith("{"):
        url = make_url(value.replace("-", "+", 1) if "-" in value.split("://", 1)[0] else value)
        query = {name: value for name, value in url.query.items() if name != "__extra__"}
        return with_driver(url).set(query=query)
    parts = json.loads(value)
    kind = str(parts.get("conn_type", ""))
    if kind == "sqlite":
        return URL.create("sqlite", database=parts.get("host") or parts.get("schema"))
    return URL.create(
        DRIVERS.get(kind, kind),
        username=parts.get("login"),
        password=parts.get("password"),
        host=parts.get("host"),
        port=int(parts["port"]) if parts.get("port") else None,
        database=parts.get("schema"),
    )
