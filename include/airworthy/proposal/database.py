"""A table or a query of a database, read once into temporary files of bounded memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from airworthy.answer_limit import within_limit
from airworthy.lake.sources.sql_address import with_driver
from airworthy.lake.sources.sql_source import column_names
from airworthy.lake.sources.sql_values import batch_of
from airworthy.masking import masked, shown_url, url_secrets
from airworthy.proposal.proposal_error import ProposalError
from airworthy.proposal.row_table import RowTable, Scratch

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

BATCH, MAX_ROWS = 50_000, 2_000_000
_ALLOWED = "an SQLAlchemy URL, with --table or --query"


@dataclass(frozen=True)
class DatabaseOrigin:
    """A database with the table or query of the rows.

    Attributes:
        url: The address; an SQLite file has its absolute path.
        table: The table, quoted for the database; empty: `query` has the rows.
        query: A SELECT without a semicolon; empty: `table` has the rows.
        dialect: SQLAlchemy's name of the database's kind.
    """

    url: URL
    table: str
    query: str
    dialect: str

    @property
    def select(self) -> str:
        """The query of all rows."""
        return self.query or f"SELECT * FROM {self.table}"  # noqa: S608 - the user's own, quoted

    @property
    def text(self) -> str:
        """The address without its secrets."""
        return shown_url(self.url)

    def url_in_spec(self, folder: Path, project: Path) -> str | None:
        """Return the address for a spec in `folder`; None: it has a secret, which no spec holds.

        An SQLite file inside the project has a path that is relative to the folder.
        """
        if url_secrets(self.url):
            return None
        path = self.url.database
        root = os.path.realpath(project)
        if self.dialect == "sqlite" and path and os.path.realpath(path).startswith(root + os.sep):
            relative = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
            return self.url.set(database=relative).render_as_string()
        return self.url.render_as_string()

    def quote(self, name: str) -> str:
        """Return a column's name as the database's SQL has it."""
        return _engine(self.url).dialect.identifier_preparer.quote(name)


def database_origin(text: str, table: str | None, query: str | None) -> DatabaseOrigin:
    """Find the table or query of a database's rows.

    Args:
        text: An SQLAlchemy URL.
        table: The table's name; None: `query`, or the only table.
        query: A SELECT; None: a table.

    Raises:
        ProposalError: when the address is none, when the database cannot be reached, or when it is
            not clear which rows are meant.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = with_driver(make_url(text))
    except (ArgumentError, ValueError):
        raise ProposalError(
            "this is no SQLAlchemy URL", received=text.split("://", 1)[0] + "://...",
            allowed="dialect+driver://user@host:port/database",
        ) from None  # fmt: skip
    if url.get_backend_name() == "sqlite":
        url = url.set(database=_sqlite_file(url.database))
    engine = _engine(url)
    if query is not None:
        return DatabaseOrigin(url, "", query.strip().rstrip(";"), engine.dialect.name)
    name = table or _only_table(engine, url)
    quoted = ".".join(engine.dialect.identifier_preparer.quote(each) for each in name.split("."))
    return DatabaseOrigin(url, quoted, "", engine.dialect.name)


def database_table(origin: DatabaseOrigin) -> RowTable:
    """Read the rows, at most `MAX_ROWS`, into temporary files.

    Raises:
        ProposalError: when the query fails or has no row.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    scratch = Scratch()
    paths: list[Path] = []
    try:
        connection = _engine(origin.url).connect().execution_options(stream_results=True)
        with connection:
            result = connection.execute(text(origin.select))
            names = column_names(result, origin.text)
            for rows in result.partitions(BATCH):
                paths.append(scratch.folder / f"{len(paths):06}.parquet")
                # Values become columns as they will when the model's source reads them.
                batch = batch_of(names, rows).with_columns(cs.decimal().cast(pl.Float64))
                batch.write_parquet(paths[-1])
                if len(paths) * BATCH >= MAX_ROWS:
                    break
    except (SQLAlchemyError, pl.exceptions.PolarsError, ImportError) as error:
        raise _failed(origin.url, error) from None
    if not paths:
        raise ProposalError("the query has no row", received=origin.select, allowed="rows")
    note = f"the first {MAX_ROWS:,} rows were looked at" if len(paths) * BATCH >= MAX_ROWS else ""
    return RowTable(origin.text, _joined(paths), None, note, scratch)


def _joined(paths: Sequence[Path]) -> pl.LazyFrame:
    """Return the rows of all files; a column with values of two kinds is text in all."""
    scans = [pl.scan_parquet(path, glob=False) for path in paths]
    schemas = [scan.collect_schema() for scan in scans]
    for name in schemas[0].names():
        kinds = {schema[name] for schema in schemas} - {pl.Null()}
        if len(kinds) > 1 and not all(kind.is_numeric() for kind in kinds):
            scans = [scan.with_columns(pl.col(name).cast(pl.String)) for scan in scans]
    return pl.concat(scans, how="vertical_relaxed")


def _engine(url: URL) -> Engine:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(url, poolclass=NullPool)
        if url.get_backend_name() != "sqlite":
            within_limit(engine.connect, "the database", shown_url(url)).close()
        return engine
    except (SQLAlchemyError, ImportError) as error:
        raise _failed(url, error) from None


def _sqlite_file(database: str | None) -> str:
    path = Path(database or "").expanduser().absolute()
    if not path.is_file():
        raise ProposalError(
            "there is no such SQLite file",
            received=str(path),
            allowed="sqlite:///relative.db, or sqlite:////absolute.db with four slashes",
            next_step="check the path",
        )
    return str(path)


def _only_table(engine: Engine, url: URL) -> str:
    from sqlalchemy import inspect
    from sqlalchemy.exc import SQLAlchemyError

    try:
        inspector = inspect(engine)
        names = sorted([*inspector.get_table_names(), *inspector.get_view_names()])
    except (SQLAlchemyError, ImportError) as error:
        raise _failed(url, error) from None
    if len(names) == 1:
        return names[0]
    raise ProposalError(
        "it is not clear which rows are meant",
        received=f"a database with {len(names)} tables",
        allowed=", ".join(names) or "a table or a query",
        next_step="say --table NAME, or --query 'SELECT ...'",
    )


def _failed(url: URL, error: Exception) -> ProposalError:
    message = str(getattr(error, "orig", None) or error).splitlines()[0]
    return ProposalError(
        f"{shown_url(url)} cannot be read",
        received=masked(message, url_secrets(url)),
        allowed=_ALLOWED,
        next_step="check the address and the query",
    )
