"""The key of rows without one, and the place of rows without a time.

Rows without a key get their number within the day, from 1, in the order of the source. Rows without
a time get a place within the day `start`, by a hash: cuts of the day divide the rows at random, and
each row has its place in every run.
"""

from __future__ import annotations

import hashlib
from datetime import date

import polars as pl

from airworthy.days import DAY, midnight
from airworthy.spec.ingest_part import ROW_NUMBER, Ingest

_DAY_US = int(DAY.total_seconds()) * 1_000_000


def blank_keys_to_null(columns: pl.DataFrame, ingest: Ingest) -> pl.DataFrame:
    """Replace empty texts of key columns by null: an empty text identifies nothing."""
    texts = [name for name in ingest.key if columns.schema.get(name) == pl.String]
    return columns.with_columns(
        pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)).alias(name)
        for name in texts
    )


def add_identity(rows: pl.DataFrame, ingest: Ingest, day: date) -> pl.DataFrame:
    """Add what the source does not have, to all raw rows of a day in their order.

    Args:
        rows: The cast columns.
        ingest: Says whether the rows have a time and a key.
        day: Their UTC day.
    """
    if ingest.static:
        rows = rows.insert_column(0, _places(rows, ingest, day))
    if not ingest.key:
        number = pl.int_range(1, rows.height + 1, dtype=pl.Int64, eager=True)
        rows = rows.with_columns(number.alias(ROW_NUMBER))
    return rows


def _places(rows: pl.DataFrame, ingest: Ingest, day: date) -> pl.Series:
    """Return each row's place within the day, by its key, or by its content without the label.

    Equal rows without a key have places of their own: the number among them counts.
    """
    names = ingest.key or [name for name in rows.columns if name != ingest.label]
    cells = [pl.col(name).cast(pl.String).fill_null("\x00") for name in names]
    texts = rows.select(pl.concat_str(cells, separator="\x1f").alias("text"))
    if not ingest.key:
        count = pl.int_range(pl.len()).over("text").cast(pl.String)
        texts = texts.select(pl.concat_str("text", count, separator="\x1f").alias("text"))
    start = int(midnight(day).timestamp()) * 1_000_000
    places = [start + _hash(text) % _DAY_US for text in texts["text"]]
    return pl.Series(ingest.event_time, places, pl.Int64).cast(pl.Datetime("us", "UTC"))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
