"""The sql source: a database supported by SQLAlchemy, by URL or by an Airflow connection.

The core does not import Airflow. A connection is read from the environment variable
``AIRFLOW_CONN_<ID>``, as a URI or as JSON. Airflow itself reads this variable first. In Airflow,
the operator of the stage sets it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from airworthy.days import DAY, midnight
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.spec.sources_part import SqlSource

BATCH = 50_000
DRIVERS = {"postgres": "postgresql", "mssql": "mssql+pymssql", "mysql": "mysql+pymysql"}
# Drivers raise OperationalError for a lost server, and for a bad query too. These messages are of a
# bad query.
_QUERY_ERRORS = (
    "no such",
    "syntax error",
    "unrecognized token",
    "does not exist",
    "unknown column",
    "ambiguous",
)


class Sql:
    """A query with ``:start`` and ``:end`` behind the `Source` protocol."""

    def __init__(self, source: SqlSource, folder: Path) -> None:
        """Keep the declared source; the first read connects.

        Args:
            source: The declared source.
            folder: The model's folder; the path of an SQLite file is relative to it.
        """
        self._source = source
        self._folder = folder
        self._engine: Engine | None = None

    def describe(self) -> str:
        """Describe the address without its password, or the connection's id."""
        if self._source.connection is not None:
            return f"sql connection {self._source.connection}"
        return f"sql {self._url().render_as_string(hide_password=True)}"

    def read(self, day: date) -> pl.DataFrame | None:
        """Return the query's rows for a UTC day; None when there is none.

        Raises:
            TransientError: when the database cannot be reached.
            TerminalError: when the address or the query is wrong.
        """
        start = midnight(day)
        try:
            self._engine = self._engine or create_engine(self._url())
            with self._engine.connect().execution_options(stream_results=True) as connection:
                bounds = self._bounds(start, start + DAY)
                return _frame(connection.execute(text(self._source.query), bounds))
        except ImportError as error:
            raise self._terminal("the database's driver is not installed", error) from None
        except SQLAlchemyError as error:
            raise self._convert_error(error) from None

    def _bounds(self, start: datetime, end: datetime) -> dict[str, Any]:
        """Return the query's parameters.

        SQLite has no time type. Texts with seconds compare correctly with all usual forms of a
        time.
        """
        if self._engine is not None and self._engine.dialect.name == "sqlite":
            return {"start": f"{start:%Y-%m-%d %H:%M:%S}", "end": f"{end:%Y-%m-%d %H:%M:%S}"}
        return {"start": start, "end": end}

    def _url(self) -> URL:
        try:
            url = (
                make_url(self._source.url)
                if self._source.url is not None
                else self._connection_url()
            )
        except (ArgumentError, ValueError):
            raise TerminalError(
                "ingest.source.url is no SQLAlchemy URL",
                received="an address that cannot be read",
                allowed="dialect+driver://user:password@host:port/database",
                next_step="correct ingest.source.url",
            ) from None
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return url
        path = self._folder / str(url.database)
        if not path.is_file():
            raise TerminalError(
                "there is no such SQLite file",
                received=path,
                next_step="correct ingest.source, or make the file",
            )
        return url.set(database=str(path))

    def _connection_url(self) -> URL:
        variable = f"AIRFLOW_CONN_{str(self._source.connection).upper()}"
        value = os.environ.get(variable)
        if not value:
            raise TerminalError(
                f"the Airflow connection {self._source.connection!r} is not known here",
                received=f"{variable} is not set",
                allowed=f"{variable} as a URI or as JSON",
                next_step=f"set {variable}, or run the stage in Airflow, where the connection is "
                "defined",
            )
        return connection_url(value)

    def _convert_error(self, error: SQLAlchemyError) -> AirworthyError:
        if isinstance(error, NoSuchModuleError | ArgumentError):
            return self._terminal("SQLAlchemy knows no such database", error)
        message = str(error).lower()
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or (
            isinstance(error, OperationalError)
            and not any(text in message for text in _QUERY_ERRORS)
        ):
            return TransientError(
                f"{self.describe()} cannot be reached",
                received=self._masked(error),
                next_step="check the address, the network and the credentials, then run again",
            )
        return self._terminal("the query fails", error)

    def _terminal(self, problem: str, error: Exception) -> TerminalError:
        return TerminalError(
            f"{self.describe()}: {problem}",
            received=self._masked(error),
            allowed="a query that runs with :start and :end as UTC times",
            next_step="correct ingest.source",
        )

    def _masked(self, error: Exception) -> str:
        """Return a driver's message without the password; some drivers repeat it."""
        message = str(getattr(error, "orig", None) or error)
        password = self._url().password
        return message.replace(str(password), "***") if password else message


def connection_url(value: str) -> URL:
    """Convert an Airflow connection, a URI or JSON, into an SQLAlchemy URL.

    >>> str(connection_url("postgres://me@db:5432/rides"))
    'postgresql://me@db:5432/rides'

    Raises:
        ValueError: when it is neither.
    """
    if not value.lstrip().startswith("{"):
        url = make_url(value.replace("-", "+", 1) if "-" in value.split("://", 1)[0] else value)
        query = {name: value for name, value in url.query.items() if name != "__extra__"}
        return url.set(drivername=DRIVERS.get(url.drivername, url.drivername), query=query)
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


def _frame(result: CursorResult[Any]) -> pl.DataFrame | None:
    names = list(result.keys())
    batches = [_batch(names, rows) for rows in result.partitions(BATCH)]
    return _stack(batches) if batches else None


def _batch(names: list[str], rows: Sequence[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [_series(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
    )


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Return a column of the driver's values; mixed types become text, for `conform` to cast."""
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(
            name, [None if value is None else str(value) for value in values], dtype=pl.String
        )


def _stack(batches: list[pl.DataFrame]) -> pl.DataFrame:
    """Stack batches; a column with different types in two batches becomes text in all."""
    for name in batches[0].columns:
        kinds = {batch.schema[name] for batch in batches if batch.schema[name] != pl.Null}
        if len(kinds) > 1:
            batches = [batch.with_columns(pl.col(name).cast(pl.String)) for batch in batches]
    return pl.concat(batches, how="vertical_relaxed")
