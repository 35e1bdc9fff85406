"""The days that have rows, over all of the source, and the span that belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from airworthy.proposal.row_table import RowTable, reading
from airworthy.proposal.time_columns import as_times

_MIN_GAP, _GAP_OF_STEPS, _MIN_SHARE = 60, 12, 0.02


@dataclass(frozen=True)
class RowDays:
    """The UTC days with rows.

    Attributes:
        first: The first day.
        last: The last day.
        days: The number of days with rows from the first to the last.
        rows: The number of their rows.
        step: The usual number of days from one day with rows to the next.
        outside: The number of rows with no readable time, or far from all others.
        undated: The number of rows with no readable time.
        first_rows: The number of rows of the first day.
    """

    first: date
    last: date
    days: int
    rows: int
    step: int
    outside: int
    undated: int = 0
    first_rows: int = 0

    @property
    def span(self) -> int:
        """The number of days from the first to the last, both counted."""
        return (self.last - self.first).days + 1

    @property
    def bad_share(self) -> float:
        """The share of rows without a time among those of the first day, with which they are read."""
        return self.undated / (self.undated + self.first_rows)

    @property
    def rows_a_day(self) -> float:
        """The mean number of rows in a day of the calendar."""
        return self.rows / self.span


def row_days(
    table: RowTable, column: str, form: str, null_words: tuple[str, ...]
) -> RowDays | None:
    """Count the rows of each day of the whole table, in bounded memory; None: no row has a time.

    Args:
        table: The table.
        column: The source's name of the event time.
        form: Its format, as in the spec.
        null_words: The words for a missing value.
    """

    def day_of(cells: pl.Series) -> pl.Series:
        if cells.dtype == pl.String:
            cells = cells.str.strip_chars()
            cells = cells.set(cells.is_in(["", *null_words]), None)
        return as_times(cells, form).dt.date()

    day = pl.col(column).map_batches(day_of, return_dtype=pl.Date, is_elementwise=True)
    counted = table.scan.select(day.alias("day")).group_by("day").len()
    with reading(table.name):
        counts = counted.collect(engine="streaming").sort("day")
    known = counts.drop_nulls("day")
    if known.is_empty():
        return None
    kept = _together(known)
    total = int(counts["len"].sum())
    rows = int(kept["len"].sum())
    step = kept["day"].diff().dt.total_days().drop_nulls().median() if kept.height > 1 else 1
    return RowDays(
        first=kept["day"][0],
        last=kept["day"][-1],
        days=kept.height,
        rows=rows,
        step=max(1, round(float(step or 1))),  # type: ignore[arg-type]
        outside=total - rows,
        undated=total - int(known["len"].sum()),
        first_rows=int(known["len"][0]),
    )


def _together(known: pl.DataFrame) -> pl.DataFrame:
    """Return the days without small groups that lie far from the others, such as typing errors."""
    gaps = known["day"].diff().dt.total_days().fill_null(0)
    usual = float(gaps.filter(gaps > 0).median() or 1)  # type: ignore[arg-type]
    far = max(_MIN_GAP, _GAP_OF_STEPS * usual)
    grouped = known.with_columns((gaps > far).cum_sum().alias("group"))
    shares = pl.col("len").sum().over("group") / pl.col("len").sum()
    kept = grouped.filter(shares >= _MIN_SHARE)
    return kept if not kept.is_empty() else known
