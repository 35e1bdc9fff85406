"""The sql source: any database that SQLAlchemy reaches, by URL or by an Airflow connection.

The core knows nothing of Airflow: a connection is taken from the environment variable ``AIRFLOW_CONN_<ID>``, as a URI
or as JSON, which is where Airflow itself looks first. Whoever runs a stage inside Airflow puts it there.
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
# OperationalError is what drivers raise for a lost server and for a mistyped column alike; these are the latter.
_OWN_FAULT = (
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
        """Keep what to ask; nothing is connected yet.

        Args:
            source: The declared source.
            folder: The model's folder, from which the path of an SQLite file starts.
        """
        self._source = source
        self._folder = folder
        self._engine: Engine | None = None

    def describe(self) -> str:
        """Return the address without its password, or the connection's id."""
        if self._source.connection is not None:
            return f"sql connection {self._source.connection}"
        return f"sql {self._url().render_as_string(hide_password=True)}"

    def read(self, day: date) -> pl.DataFrame | None:
        """Return the rows that the query gives for a UTC day; None when there is none.

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
            raise self._explained(error) from None

    def _bounds(self, start: datetime, end: datetime) -> dict[str, Any]:
        """SQLite has no time type: texts with seconds compare rightly with every usual way of writing a time."""
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
                next_step=f"set {variable}, or run the stage in Airflow, where the connection is defined",
            )
        return connection_url(value)

    def _explained(self, error: SQLAlchemyError) -> AirworthyError:
        if isinstance(error, NoSuchModuleError | ArgumentError):
            return self._terminal("SQLAlchemy knows no such database", error)
        message = str(error).lower()
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or (
            isinstance(error, OperationalError)
            and not any(fault in message for fault in _OWN_FAULT)
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
        """Return a driver's message without the password that some of them repeat."""
        message = str(getattr(error, "orig", None) or error)
        password = self._url().password
        return message.replace(str(password), "***") if password else message


def connection_url(value: str) -> URL:
    """Turn an Airflow connection, as a URI or as JSON, into a SQLAlchemy URL.

    Raises:
        ValueError: when it is neither.
    """
    if not value.lstrip().startswith("{"):
        url = make_url(value.replace("-", "+", 1) if "-" in value.split("://", 1)[0] else value)
        kept = {name: part for name, part in url.query.items() if name != "__extra__"}
        return url.set(drivername=DRIVERS.get(url.drivername, url.drivername), query=kept)
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
    return _agreeing(batches) if batches else None


def _batch(names: list[str], rows: Sequence[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [_series(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
    )


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Return a column of what the driver gave; one of mixed kinds as text, for `conform` to judge cell by cell."""
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(
            name, [None if value is None else str(value) for value in values], dtype=pl.String
        )


def _agreeing(batches: list[pl.DataFrame]) -> pl.DataFrame:
    """Stack batches; a column that has another type in another batch becomes text in all."""
    for name in batches[0].columns:
        kinds = {batch.schema[name] for batch in batches if batch.schema[name] != pl.Null}
        if len(kinds) > 1:
            batches = [batch.with_columns(pl.col(name).cast(pl.String)) for batch in batches]
    return pl.concat(batches, how="vertical_relaxed")
