"""Finds the rows of a partition that share a key: exact repeats, and rows of other content. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

ROW = "__airworthy_row"
"""The column with the position of a row in the source's order."""
REASON = "another row of this key"
EXAMPLES = 2
_COLUMNS = 3


@dataclass(frozen=True)
class KeyedRows:
    """Rows by key.

    Attributes:
        rows: One row for each key, sorted by key.
        others: Further rows of these keys, with other content than every other row.
        duplicates: Number of exact repeats of a row, which are in neither.
        examples: Some of `others` in words, each beside the row that is kept.
    """

    rows: pl.DataFrame
    others: pl.DataFrame
    duplicates: int = 0
    examples: list[str] = field(default_factory=list)


def unique_by_key(rows: pl.DataFrame, key: Sequence[str], event_time: str) -> KeyedRows:
    """Return one row for each key: the one of the latest event time, of these the last in `rows`.

    Args:
        rows: Conformed rows with the column `ROW`.
        key: The columns of the key; without nulls. Empty: every row stays.
        event_time: The column of the event time.
    """
    ordered = rows.sort([*key, event_time], maintain_order=True)
    if not key:
        return KeyedRows(ordered, ordered.clear())
    followed = _followed(ordered, key)
    if not followed.any():
        return KeyedRows(ordered, ordered.clear())
    shared = ordered.filter(followed | followed.shift(1, fill_value=False))
    content = [name for name in ordered.columns if name != ROW]
    distinct = shared.unique(subset=content, keep="last", maintain_order=True)
    others = distinct.filter(_followed(distinct, key))
    kept = ordered.filter(~followed)
    duplicates = ordered.height - kept.height - others.height
    return KeyedRows(kept, others, duplicates, _examples(others, distinct, key))


def _followed(ordered: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Return True for each row that is followed by another one of its key."""
    same = pl.all_horizontal(pl.col(name).eq(pl.col(name).shift(-1)) for name in key)
    return ordered.select(same.fill_null(value=False)).to_series()


def _examples(others: pl.DataFrame, distinct: pl.DataFrame, key: Sequence[str]) -> list[str]:
    """Return the first keys with several rows, with the values that differ."""
    texts = []
    first = others.unique(subset=list(key), keep="first", maintain_order=True).head(EXAMPLES)
    for row in first.iter_rows(named=True):
        same = pl.all_horizontal(pl.col(name).eq(pl.lit(row[name])) for name in key)
        kept = distinct.filter(same).row(-1, named=True)
        name = ", ".join(f"{column} {row[column]!r}" for column in key)
        texts.append(f"{name}: {_differences(row, kept)}")
    return texts


def _differences(row: dict[str, object], kept: dict[str, object]) -> str:
    names = [name for name in row if name != ROW and row[name] != kept[name]]
    shown = [f"{name} {_text(row[name])} and {_text(kept[name])}" for name in names[:_COLUMNS]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more columns" if more else "")


def _text(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else repr(value)
