"""Numbers with decimals in a column that is declared as int: its name, its day and the way out."""

from __future__ import annotations

from datetime import date

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.casting import cast_column
from airworthy.spec.ingest_part import Ingest


def refuse_decimals(
    uncast: pl.DataFrame, unparsable: dict[str, pl.Series], ingest: Ingest, day: date
) -> None:
    """Refuse a day on which more numbers than `max_bad_share` of an int column have decimals.

    Args:
        uncast: The declared columns before their casts.
        unparsable: Column -> mask of the cells that cannot be read as its type.
        ingest: The declared types and the limit.
        day: The UTC day of the rows.

    Raises:
        TerminalError: when there are too many.
    """
    for name, mask in unparsable.items():
        if ingest.columns.get(name) != "int":
            continue
        cells = uncast[name].filter(mask)
        decimals = cells.filter((cast_column(cells, "float") % 1 != 0).fill_null(value=False))
        if len(decimals) > ingest.max_bad_share * uncast.height:
            raise TerminalError(
                f"column {name!r} is declared as int and has numbers with decimals on {day}",
                received=f"{len(decimals)} of {uncast.height} rows, such as {decimals[0]}",
                allowed="whole numbers",
                next_step=f"declare it as float (ingest.columns: {{{name}: float}}); days that the "
                "lake has already are read again",
            )
