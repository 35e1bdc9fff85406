"""Finds the rows of a partition that cannot be used, and puts them aside with their reason. Pure."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl

from airworthy.errors import TerminalError
from airworthy.handover import QuarantineReason
from airworthy.lake import same_key
from airworthy.lake.column_types import as_text
from airworthy.lake.outside_day import outside, refuse_rows_outside
from airworthy.spec.ingest_part import Ingest

LARGEST = 3.4028234663852886e38
"""The largest number of float32, which models and model servers compute with."""
_YEARS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
UNPARSABLE = "unparsable "
_MISSING = [
    "na",
    "n/a",
    "#n/a",
    "n.a.",
    "-",
    "--",
    "---",
    "?",
    ".",
    "null",
    "nil",
    "none",
    "missing",
]
_LONGEST_EXAMPLE = 120


def quarantine_reason(
    cast: pl.DataFrame, unreadable: dict[str, pl.Series], ingest: Ingest, day: date
) -> pl.Series | None:
    """Return each row's reason of quarantine (null: usable), or None when every row is usable.

    Args:
        cast: The declared columns in their types.
        unreadable: Reason -> True for each row with a cell that cannot be read.
        ingest: The declared columns and key.
        day: The UTC day of the partition.

    Raises:
        TerminalError: when the source was asked for this day and gave rows of another one.
    """
    time = cast[ingest.event_time]
    refuse_rows_outside(time, ingest, day)
    checks = unreadable | {f"null key {name}": cast[name].is_null() for name in ingest.key}
    checks["null event time"] = time.is_null()
    checks["event time outside the partition"] = outside(time, day)
    for column in cast:
        checks |= _beyond(column)
    reason: pl.Series | None = None
    for text, mask in checks.items():
        if not mask.any():
            continue
        matches = pl.select(
            pl.when(mask.fill_null(value=False)).then(pl.lit(text)).alias("reason")
        ).to_series()
        reason = matches if reason is None else reason.zip_with(reason.is_not_null(), matches)
    return reason


def _beyond(column: pl.Series) -> dict[str, pl.Series]:
    """Return masks of numbers that no model can take, and of times that Python cannot."""
    if column.dtype == pl.Float64:
        return {
            f"infinite {column.name}": column.is_infinite(),
            f"beyond float32 {column.name}": column.abs() > LARGEST,
        }
    if isinstance(column.dtype, pl.Datetime):
        return {f"not of the years 1 to 9999 {column.name}": ~column.is_between(*_YEARS)}
    return {}


def reason_counts(
    reason: pl.Series, uncast: pl.DataFrame, others: list[str]
) -> dict[str, QuarantineReason]:
    """Return the rows of each reason with an example, the most frequent first.

    Args:
        reason: Each raw row's reason; null: it is usable.
        uncast: The raw cells of the declared columns.
        others: Examples of rows of a key that another row has, too.
    """
    frame = pl.DataFrame({"reason": reason}).with_row_index("row").drop_nulls()
    groups = frame.group_by("reason").agg(pl.len(), pl.col("row").first()).sort("row")
    return {
        text: QuarantineReason(count=count, example=_example(text, uncast, row, others))
        for text, count, row in groups.sort("len", descending=True, maintain_order=True).iter_rows()
    }


def _example(reason: str, uncast: pl.DataFrame, row: int, others: list[str]) -> str:
    if reason == same_key.REASON:
        text = "; ".join(others)
    else:
        names = [name for name in uncast.columns if reason.endswith(f" {name}")]
        # Of the columns `b` and `a b`, the longer name is the reason's.
        name = max(names, key=len, default=uncast.columns[0])
        cell = uncast[name].slice(row, 1)
        shown = "" if cell.null_count() else f" {as_text(cell)[0]!r}"
        text = f"row {row + 1:,}{shown}"
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}…"


def quarantine_rows(raw: pl.DataFrame, reason: pl.Series) -> pl.DataFrame:
    """Return rows in the form of the quarantine: columns `reason` and `row`, the row as JSON."""
    texts = pl.DataFrame([as_text(column) for column in raw.iter_columns()])
    return pl.DataFrame({"reason": reason, "row": texts.to_struct("row").struct.json_encode()})


def refuse_too_many(
    counts: dict[str, QuarantineReason], total: int, ingest: Ingest, day: date
) -> None:
    """Raise an error when the share of unusable rows is over ``ingest.max_bad_share``.

    Args:
        counts: Reason -> its rows.
        total: Number of raw rows.
        ingest: The declared limit.
        day: The UTC day of the partition.

    Raises:
        TerminalError: when it is.
    """
    bad = sum(each.count for each in counts.values())
    if bad <= ingest.max_bad_share * total:
        return
    reasons = ", ".join(f"{reason} ({each.count})" for reason, each in counts.items())
    examples = "; ".join(f"{reason}: {each.example}" for reason, each in counts.items())
    raise TerminalError(
        f"too many rows of {day} cannot be used: {reasons}; the lake was not touched",
        received=f"{bad} of {total} rows ({bad / total:.2%}); such as {examples}",
        allowed=f"at most {ingest.max_bad_share:.2%} (ingest.max_bad_share)",
        next_step=next_step(counts),
    )


def next_step(counts: dict[str, QuarantineReason]) -> str:
    """Return what to do about rows in quarantine, by their most frequent reason."""
    reason = next(iter(counts), "")
    if reason == same_key.REASON:
        return (
            "give all columns that identify a row in ingest.key; or, when a later row of a key is "
            "its correction, say `same_key: latest` in ingest"
        )
    missing = missing_texts(counts)
    if missing:
        return f"say `null_values: [{', '.join(map(json.dumps, missing))}]` in ingest"
    return "correct the source, or raise ingest.max_bad_share"


def missing_texts(counts: dict[str, QuarantineReason]) -> list[str]:
    """Return the cells of `counts` that cannot be read and usually mean no value, such as NA."""
    cells = [
        each.example.partition(" '")[2].removesuffix("'")
        for reason, each in counts.items()
        if reason.startswith(UNPARSABLE)
    ]
    return sorted({cell for cell in cells if cell.strip().lower() in _MISSING})
