"""Splits files with many days into one Parquet file per UTC day, in bounded memory.

The event time assigns a row to its day. Such files are read once, and each partition reads its own.
"""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null
from airworthy.lake.column_types import refuse_unusable_types
from airworthy.lake.times import UNDATED, TimeRules, unreadable_times, utc_days
from airworthy.spec.ingest_part import Ingest

DAY_COLUMN = "__airworthy_day"
log = logging.getLogger("airworthy.ingest")


def split_by_day(frame: pl.LazyFrame, name: str, ingest: Ingest, target: Path) -> None:
    """Write a file's rows into one Parquet file per day.

    Args:
        frame: The rows.
        name: The file's name, for errors.
        ingest: Gives the event time and its format.
        target: The folder of the Parquet files.

    Raises:
        TerminalError: when the file has no event time.
    """
    time, schema = ingest.event_time, frame.collect_schema()
    if time not in schema:
        raise TerminalError(
            f"{name} has no column {time!r}",
            received=", ".join(schema),
            allowed=time,
            next_step="correct ingest.event_time, or give it in ingest.source.rename or derive",
        )
    refuse_unusable_types(schema, {time: "datetime"})
    rules = TimeRules.of(ingest, time)
    day = pl.col(time).map_batches(
        lambda column: utc_days(_times(column, ingest), rules),
        return_dtype=pl.String,
        is_elementwise=True,
    )
    parts = pl.PartitionBy(target, key=DAY_COLUMN, include_key=False)
    frame.with_columns(day.alias(DAY_COLUMN)).sink_parquet(
        parts, mkdir=True, compression="lz4", maintain_order=True
    )


def days_by_file(target: Path, address: str, ingest: Ingest) -> dict[str, list[Path]]:
    """Return the daily files by day, in the order of their original files.

    Rows without a readable time go to the first day.

    Args:
        target: The folder of the daily files.
        address: The address of the original files, for errors.
        ingest: Gives the event time and its format.

    Raises:
        TerminalError: when there are no rows, or none has a readable time.
    """
    days: dict[str, list[Path]] = {}
    for path in sorted(target.rglob("*.parquet")):
        days.setdefault(path.parent.name.split("=", 1)[1], []).append(path)
    undated = days.pop(UNDATED, [])
    if not undated and not days:
        raise TerminalError(
            f"{address} has no rows",
            received="a header and nothing more",
            allowed="at least one row",
            next_step="check the file, then ingest.source.path",
        )
    if undated and not days:
        raise _undated(undated, address, ingest)
    if undated:
        first = min(days)
        log.warning(
            "%s: rows without a readable event time are counted with its first day, %s",
            address,
            first,
        )
        days[first].extend(undated)
    return days


def _undated(paths: list[Path], address: str, ingest: Ingest) -> TerminalError:
    """Return the error of files without a readable event time."""
    time = ingest.event_time
    values = _times(
        pl.concat([pl.read_parquet(path, columns=[time]) for path in paths])[time], ingest
    )
    if values.null_count() < values.len():
        problem = f"no row of {address} has an event time that can be read"
        return unreadable_times(time, values, TimeRules.of(ingest, time), problem)
    return TerminalError(
        f"no row of {address} has an event time",
        received=f"{values.len()} rows, {time} missing in all of them",
        allowed="a column with the time of each row",
        next_step="correct ingest.event_time, or say ingest.static: true if the rows have none",
    )


def _times(column: pl.Series, ingest: Ingest) -> pl.Series:
    return blanks_to_null(column, "datetime", ingest.null_values)
