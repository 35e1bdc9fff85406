"""The sql source: a database supported by SQLAlchemy, by URL or by an Airflow connection.

The core does not import Airflow. A connection is read from the environment variable
``AIRFLOW_CONN_<ID>``, as a URI or as JSON. Airflow itself reads this variable first. In Airflow,
the operator of the stage sets it.

``:start`` and ``:end`` are moments. Where a database compares them with times without an offset, it
does so in ``ingest.time_zone``, UTC unless given, whatever the server's own zone.
"""

from __future__ import annotations

import os
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import (
    URL,
    ColumnClause,
    Connection,
    Engine,
    Subquery,
    column,
    create_engine,
    func,
    select,
    text,
)
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from airworthy.answer_limit import within_limit
from airworthy.days import DAY, midnight
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.lake.casting import cast_column
from airworthy.lake.sources import sql_values
from airworthy.lake.sources.sql_address import (
    connection_url,
    package_of,
    parse_url,
    sqlite_file,
)
from airworthy.masking import masked, remember, shown_url, url_secrets
from airworthy.spec.sources_part import SqlSource

BATCH = 50_000
_EVER = date(1900, 1, 1), date(2199, 12, 31)
# Drivers raise OperationalError for a lost server, and for a bad query too. These messages are of a
# bad query.
_QUERY_ERRORS = (
    "no such",
    "syntax error",
    "unrecognized token",
    "does not exist",
    "unknown column",
    "ambiguous",
    "must appear in the group by",
)


class Sql:
    """A query with ``:start`` and ``:end`` behind the `Source` protocol."""

    def __init__(
        self,
        source: SqlSource,
        folder: Path,
        time_zone: str | None = None,
        event_time: str | None = None,
    ) -> None:
        """Keep the declared source; the first read connects.

        Args:
            source: The declared source.
            folder: The model's folder; the path of an SQLite file is relative to it.
            time_zone: The zone of times without an offset; None: UTC.
            event_time: The column with the time of a row; None: `days` cannot tell.
        """
        self._source = source
        self._folder = folder
        self._zone = time_zone or "UTC"
        self._event_time = event_time
        self._engine: Engine | None = None

    def describe(self) -> str:
        """Describe the address without its secrets, or the connection's id."""
        if self._source.connection is not None:
            return f"sql connection {self._source.connection}"
        return f"sql {shown_url(self._url())}"

    def read(self, day: date) -> pl.DataFrame | None:
        """Return the query's rows for a UTC day; None when there is none.

        Raises:
            TransientError: when the database cannot be reached.
            TerminalError: when the address or the query is wrong.
        """
        with self._connection() as connection:
            result = connection.execute(text(self._source.query), self._bounds(day, day))
            return _frame(result, self.describe())

    def count(self, first: date, last: date, columns: Sequence[str]) -> list[int] | None:
        """Return the number of the query's rows, then the number of values of each column.

        Args:
            first: The first UTC day.
            last: The last one.
            columns: Columns of the query.

        Returns:
            The counts; None: the query cannot be counted, such as one that cannot be a subquery.

        Raises:
            TransientError: when the database cannot be reached.
        """
        inner = self._subquery(columns)
        counts = [func.count(), *(func.count(inner.c[name]) for name in columns)]
        try:
            with self._connection() as connection:
                query = select(*counts).select_from(inner)
                return list(connection.execute(query, self._bounds(first, last)).one())
        except TerminalError:
            return None

    def days(self) -> tuple[date, date] | None:
        """Return the first and the last day with rows; None: there is none, or it cannot tell.

        Raises:
            TransientError: when the database cannot be reached.
        """
        if self._event_time is None:
            return None
        inner = self._subquery([self._event_time])
        time = inner.c[self._event_time]
        try:
            with self._connection() as connection:
                query = select(func.min(time), func.max(time)).select_from(inner)
                bounds = self._bounds(*_EVER)
                values = list(connection.execute(query, bounds).one())
        except TerminalError:
            return None
        days = cast_column(sql_values.column("time", values), "datetime").dt.date().to_list()
        return None if None in days else (days[0], days[1])

    def _subquery(self, columns: Sequence[str]) -> Subquery:
        """Return the query as a subquery with some of its columns."""
        names: list[ColumnClause[Any]] = [column(name) for name in columns]
        return text(self._source.query.strip().rstrip(";")).columns(*names).subquery("counted")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Yield a connection; errors of the driver become ours.

        Raises:
            TransientError: when the database cannot be reached.
            TerminalError: when the address or the query is wrong.
        """
        try:
            with self._connect(self._connected_engine()) as connection:
                self._set_zone(connection)
                yield connection
        except ImportError as error:
            raise self._no_driver(error) from None
        except SQLAlchemyError as error:
            raise self._convert_error(error) from None
        except (ValueError, OverflowError) as error:
            # Drivers raise these for values that Python has not, such as times before the year 1.
            raise self._terminal("the driver cannot read a value", error) from None

    def _connect(self, engine: Engine) -> Connection:
        """Return a new connection, for results row by row."""
        if engine.dialect.name == "sqlite":
            connection = engine.connect()
        else:
            connection = within_limit(engine.connect, "the database", self.describe())
        return connection.execution_options(stream_results=True)

    def _connected_engine(self) -> Engine:
        """Return the engine, whose connections end with this object."""
        if self._engine is None:
            self._engine = create_engine(self._url())
            weakref.finalize(self, self._engine.dispose)
        return self._engine

    def _set_zone(self, connection: Connection) -> None:
        """Set the session's zone, in which times without an offset are compared with moments."""
        if connection.dialect.name == "postgresql":
            zone = text("SELECT set_config('TimeZone', :zone, false)")
            connection.execute(zone, {"zone": self._zone}).close()
        elif connection.dialect.name in ("mysql", "mariadb") and self._zone == "UTC":
            connection.execute(text("SET time_zone = '+00:00'"))

    def _bounds(self, first: date, last: date) -> dict[str, Any]:
        """Return the query's parameters for some days.

        SQLite has no time type. Texts with seconds compare correctly with all usual forms of a
        time.
        """
        start, end = midnight(first), midnight(last) + DAY
        dialect = self._engine.dialect.name if self._engine is not None else ""
        if dialect == "postgresql" or (dialect != "sqlite" and self._zone == "UTC"):
            return {"start": start, "end": end}
        zone = ZoneInfo(self._zone)
        local = [moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end)]
        given = [f"{each:%Y-%m-%d %H:%M:%S}" if dialect == "sqlite" else each for each in local]
        return dict(zip(("start", "end"), given, strict=True))

    def _url(self) -> URL:
        written = self._source.url or ""
        url = parse_url(written) if written else self._connection_url()
        remember(url_secrets(url))
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return url
        return sqlite_file(url, written, self._folder)

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
        try:
            return connection_url(value)
        except (ArgumentError, ValueError):
            raise TerminalError(
                f"the Airflow connection {self._source.connection!r} cannot be read",
                received=f"{variable} is neither a URI nor JSON",
                next_step=f"correct {variable}",
            ) from None

    def _no_driver(self, error: Exception) -> TerminalError:
        package = package_of(self._url())
        return TerminalError(
            f"{self.describe()}: the database's driver is not installed",
            received=self._masked(error),
            allowed="a database whose driver is installed; PostgreSQL's and SQLite's are",
            next_step=f"install the Python package {package} where the stages run",
        )

    def _convert_error(self, error: SQLAlchemyError) -> AirworthyError:
        if isinstance(error, NoSuchModuleError | ArgumentError):
            return self._no_driver(error)
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
        """Return a driver's message without the address's secrets; some drivers repeat them."""
        return masked(str(getattr(error, "orig", None) or error), url_secrets(self._url()))


def _frame(result: CursorResult[Any], source: str) -> pl.DataFrame | None:
    names = column_names(result, source)
    batches = [sql_values.batch_of(names, rows) for rows in result.partitions(BATCH)]
    return sql_values.stack(batches) if batches else None


def column_names(result: CursorResult[Any], source: str) -> list[str]:
    """Return the names of a result's columns.

    Args:
        result: The result of a query.
        source: The source in words, for messages.

    Raises:
        TerminalError: when two columns have one name.
    """
    names = list(result.keys())
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TerminalError(
            f"{source}: the query gives the column {', '.join(map(repr, twice))} more than once",
            received=", ".join(names),
            allowed="each column once",
            next_step="name the columns after SELECT, each with a name of its own (AS)",
        )
    return names
