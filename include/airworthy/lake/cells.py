"""Reads the cells of raw rows by the declarations of a spec. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.row_identity import blank_keys_to_null
from airworthy.lake.times import TimeRules, Times, read_times
from airworthy.lake.unusable_rows import UNPARSABLE
from airworthy.spec.fields import ColumnType
from airworthy.spec.ingest_part import Ingest


@dataclass(frozen=True)
class ReadCells:
    """Cells in their declared types.

    Attributes:
        cast: The columns; null where a cell has no value, or none that can be read.
        unparsable: Column -> True for each cell that has a value and cannot be read.
        timeless: Reason -> True for each time that no clock shows, or two moments have.
    """

    cast: pl.DataFrame
    unparsable: dict[str, pl.Series]
    timeless: dict[str, pl.Series]

    @property
    def unreadable(self) -> dict[str, pl.Series]:
        """Reason -> True for each row with a cell that cannot be read."""
        parsed = {f"{UNPARSABLE}{name}": mask for name, mask in self.unparsable.items()}
        return self.timeless | parsed


def without_blanks(
    raw: pl.DataFrame, columns: Mapping[str, ColumnType], ingest: Ingest
) -> pl.DataFrame:
    """Return the columns with null in the place of blanks, of null values and of empty keys.

    Args:
        raw: The rows of the source, with all of the columns.
        columns: Column -> declared type.
        ingest: Gives the null values and the key.
    """
    cells = [blanks_to_null(raw[name], kind, ingest.null_values) for name, kind in columns.items()]
    return blank_keys_to_null(pl.DataFrame(cells), ingest)


def read_cells(
    uncast: pl.DataFrame, columns: Mapping[str, ColumnType], ingest: Ingest
) -> ReadCells:
    """Read cells without blanks.

    Args:
        uncast: The cells as they are, in these columns.
        columns: Column -> declared type.
        ingest: Gives the formats and the zone of times.
    """
    times = _read_times(uncast, columns, ingest)
    cast = pl.DataFrame(
        [
            times[name].values if name in times else cast_column(uncast[name], kind).alias(name)
            for name, kind in columns.items()
        ]
    )
    timeless = {text: mask for each in times.values() for text, mask in each.faults.items()}
    unreadable = [name for name in columns if cast[name].null_count() > uncast[name].null_count()]
    unparsable = {name: uncast[name].is_not_null() & cast[name].is_null() for name in unreadable}
    return ReadCells(cast, unparsable, timeless)


def _read_times(
    uncast: pl.DataFrame, columns: Mapping[str, ColumnType], ingest: Ingest
) -> dict[str, Times]:
    others = [name for name in ingest.key if name != ingest.event_time and name in columns]
    return {
        name: read_times(uncast[name], TimeRules.of(ingest, name), uncast.select(others))
        for name, kind in columns.items()
        if kind == "datetime"
    }
