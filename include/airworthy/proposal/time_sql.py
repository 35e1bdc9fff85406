"""The SQL with which a database compares a column of times with a day's bounds. Pure."""

from __future__ import annotations

import re

import polars as pl

from airworthy.proposal.proposal_error import ProposalError
from airworthy.spec.time_formats import EPOCHS, ISO

_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_PIECE = re.compile(r"%(.)|(.)", re.DOTALL)
_SECOND = 1_000_000_000


def time_sql(quoted: str, form: str, cells: pl.Series, dialect: str) -> str:
    """Return the expression of a time.

    Args:
        quoted: The column's name in the database's SQL.
        form: The format of its cells, as in the spec.
        cells: Some of its cells as they are.
        dialect: SQLAlchemy's name of the database's kind.

    Raises:
        ProposalError: when its cells cannot be compared with times.
    """
    text = None
    if dialect == "sqlite":
        text = _sqlite(quoted, form, cells)
    elif cells.dtype.is_temporal():
        text = quoted
    elif dialect == "postgresql" and form == ISO:
        text = f"CAST({quoted} AS timestamp)"
    elif dialect == "postgresql" and form in EPOCHS:
        text = f"to_timestamp(CAST({quoted} AS double precision) / {_SECOND // EPOCHS[form]})"
    if text is None:
        raise ProposalError(
            "the database cannot tell the days of these times apart by itself",
            received=f"{quoted}, such as {cells.drop_nulls()[0]!r} ({form})",
            allowed="a column of times, or texts such as 2026-01-31 13:45",
            next_step="make a time of it in --query 'SELECT ... AS happened_at, ...'",
        )
    return text


def _sqlite(quoted: str, form: str, cells: pl.Series) -> str | None:
    if form == ISO:
        return f"datetime({quoted})"
    if form in EPOCHS:
        factor = _SECOND // EPOCHS[form]
        return f"datetime(CAST({quoted} AS INTEGER) / {factor}, 'unixepoch')"
    return _of_parts(quoted, form, cells)


def _of_parts(quoted: str, form: str, cells: pl.Series) -> str | None:
    """Return SQLite's time of texts whose parts have the same place in each; None: they have not.

    >>> _of_parts("at", "%m/%Y", pl.Series(["01/2026"]))
    "substr(at, 4, 4) || '-' || substr(at, 1, 2) || '-' || '01' || ' ' || '00' || ':' || '00' || ':' || '00'"
    """
    places, place = {}, 1
    for directive, _ in _PIECE.findall(form):
        if directive and directive not in _WIDTHS:
            return None
        width = _WIDTHS.get(directive, 1)
        places[directive] = f"substr({quoted}, {place}, {width})"
        place += width
    lengths = cells.drop_nulls().cast(pl.String).str.len_chars()
    if not {"Y", "m"} <= set(places) or bool((lengths != place - 1).any()):
        return None
    usual = {"d": "'01'", "H": "'00'", "M": "'00'", "S": "'00'"}
    year, month, day, hour, minute, second = (
        places.get(name, usual.get(name, "")) for name in "YmdHMS"
    )
    day_text = f"{year} || '-' || {month} || '-' || {day}"
    return f"{day_text} || ' ' || {hour} || ':' || {minute} || ':' || {second}"
