"""Finds the column that identifies a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.leaks import counts_rows
from airworthy.proposal.proposal_error import ProposalError
from airworthy.proposal.row_table import RowTable, reading

# A count of different values needs memory for each of them.
_MAX_ROWS = 20_000_000
_NAME = re.compile(
    r"(^|[_\W])(id|uuid|guid|key|nr|no|num|number|index|idx|instant|row|seq|sequence|record|code)$|"
    r"[a-z](Id|ID|Nr|No|Key|Number)$|^$|^unnamed",
    re.IGNORECASE,
)


def find_key(
    table: RowTable, columns: Sequence[ColumnProfile], wish: Sequence[str]
) -> ColumnProfile | None:
    """Return the column that identifies a row; None: there is none.

    Args:
        table: All rows.
        columns: The columns without label and event time.
        wish: The column that the user named; empty: it is guessed.

    Raises:
        ProposalError: when the named column does not identify a row.
    """
    if wish:
        return _named(table, columns, wish)
    if table.rows > _MAX_ROWS:
        return None
    for each in columns:
        if _could_be(each) and _is_unique(table, each):
            return _as_key(each)
    return None


def _could_be(column: ColumnProfile) -> bool:
    if column.kind not in ("int", "category", "string") or column.null_share:
        return False
    if column.distinct < len(column.values):
        return False
    named = _NAME.search(column.source) is not None
    return named or counts_rows(column) or (column.kind != "int" and _has_one_length(column))


def _has_one_length(column: ColumnProfile) -> bool:
    texts = column.values.cast(pl.String)
    plain = texts.str.contains(r"^[A-Za-z0-9_-]{8,}$").all()
    return bool(plain and texts.str.len_chars().n_unique() == 1)


def _is_unique(table: RowTable, column: ColumnProfile) -> bool:
    cells = pl.col(column.source)
    with reading(table.name):
        counts = table.scan.select(
            cells.n_unique().alias("different"), cells.null_count().alias("null")
        )
        different, null = counts.collect(engine="streaming").row(0)
    return bool(different == table.rows and null == 0)


def _as_key(column: ColumnProfile) -> ColumnProfile:
    kind = "int" if column.kind == "int" else "string"
    return replace(column, kind=kind, problem="")  # type: ignore[arg-type]


def _named(table: RowTable, columns: Sequence[ColumnProfile], wish: Sequence[str]) -> ColumnProfile:
    if len(wish) > 1:
        raise ProposalError(
            "one column is proposed as key", received=", ".join(wish), allowed="one --key",
            next_step="say one, and add the others to ingest.key in the spec",
        )  # fmt: skip
    found = next((each for each in columns if wish[0] in (each.source, each.name)), None)
    if found is None:
        raise ProposalError(
            "the source has no such key column",
            received=f"--key {wish[0]}",
            allowed=", ".join(each.source for each in columns),
            next_step="say one of these columns, or none: a row's number is the key then",
        )
    if not _is_unique(table, found):
        raise ProposalError(
            "this column does not identify a row: some rows have the same value, or none",
            received=f"--key {wish[0]}",
            allowed="a column with another value in each row",
            next_step="leave out --key: a row's number is the key then",
        )
    return _as_key(found)
