"""Conforms the raw rows of a partition to the declared columns; quarantines unusable rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.label_values import label_values
from airworthy.spec.fields import ColumnType
from airworthy.spec.ingest_part import Ingest


@dataclass(frozen=True)
class ConformedPartition:
    """A partition ready for the lake.

    Attributes:
        rows: The declared columns (event time first), unique by key, sorted by key and event time.
        quarantine: Columns `reason` and `row` (the raw row as JSON), one row per unusable raw row.
        duplicates: Number of rows dropped for a later one with the same key.
        negative: The label's value that means no, where ``ingest.positive`` is given; None: no row
            has it.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    duplicates: int
    negative: str | None = None


def declared_columns(ingest: Ingest) -> dict[str, ColumnType]:
    """Return the lake's columns in order: the event time, then those of ``ingest.columns``."""
    columns: dict[str, ColumnType] = {ingest.event_time: "datetime"}
    return columns | ingest.columns


def conform(raw: pl.DataFrame, ingest: Ingest, day: date) -> ConformedPartition:
    """Cast, check, dedupe and sort the raw rows of one UTC day.

    Of several rows with one key, the one with the latest event time is kept; of these, the last one
    in the source's order.

    Args:
        raw: The rows of the source.
        ingest: The declared columns, key and limits.
        day: The UTC day of the partition.

    Raises:
        TerminalError: when a declared column is missing, when no cell of a column can be read as
            its type, or when the share of unusable rows is over ``ingest.max_bad_share``.
    """
    columns = declared_columns(ingest)
    _refuse_missing_columns(raw, columns)
    uncast = pl.DataFrame([blanks_to_null(raw[name], kind) for name, kind in columns.items()])
    label, negative = label_values(uncast[ingest.label], ingest)
    uncast = uncast.with_columns(label)
    cast = pl.DataFrame(
        [cast_column(uncast[name], kind).alias(name) for name, kind in columns.items()]
    )
    unreadable = [name for name in columns if cast[name].null_count() > uncast[name].null_count()]
    unparsable = {name: uncast[name].is_not_null() & cast[name].is_null() for name in unreadable}
    _refuse_unparsable_columns(uncast, unparsable, columns)
    reason = _quarantine_reason(cast, unparsable, ingest, day)
    if reason is None:
        rows = cast
        quarantine = quarantine_rows(raw.clear(), pl.Series("reason", [], dtype=pl.String))
    else:
        rows = cast.filter(reason.is_null())
        quarantine = quarantine_rows(raw.filter(reason.is_not_null()), reason.drop_nulls())
    _refuse_too_many_bad_rows(quarantine, raw.height, ingest, day)
    unique = _sorted_unique(rows, ingest)
    return ConformedPartition(unique, quarantine, rows.height - unique.height, negative)


def _refuse_missing_columns(raw: pl.DataFrame, columns: dict[str, ColumnType]) -> None:
    missing = [name for name in columns if name not in raw.columns]
    if missing:
        raise TerminalError(
            f"the source has no column {', '.join(map(repr, missing))}",
            received=", ".join(raw.columns),
            allowed=", ".join(columns),
            next_step="correct ingest.columns, or give the source's name for it in "
            "ingest.source.rename or derive",
        )


def _refuse_unparsable_columns(
    uncast: pl.DataFrame, unparsable: dict[str, pl.Series], columns: dict[str, ColumnType]
) -> None:
    for name, mask in unparsable.items():
        present = uncast.height - uncast[name].null_count()
        if mask.sum() == present and present > 1:
            raise TerminalError(
                f"no cell of column {name!r} can be read as {columns[name]}",
                received=f"{uncast[name].dtype}, such as {uncast[name].drop_nulls()[0]!r}",
                allowed=columns[name],
                next_step=f"correct the type of {name} in ingest.columns, or derive it in "
                "ingest.source",
            )


def _quarantine_reason(
    cast: pl.DataFrame, unparsable: dict[str, pl.Series], ingest: Ingest, day: date
) -> pl.Series | None:
    """Return each row's reason of quarantine (null: usable), or None when every row is usable."""
    time = cast[ingest.event_time]
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    checks = {f"unparsable {name}": mask for name, mask in unparsable.items()}
    checks |= {f"null key {name}": cast[name].is_null() for name in ingest.key}
    checks["null event time"] = time.is_null()
    checks["event time outside the partition"] = ~time.is_between(start, start + DAY, closed="left")
    checks |= {
        f"infinite {name}": cast[name].is_infinite()
        for name in cast.columns
        if cast[name].dtype == pl.Float64
    }
    reason: pl.Series | None = None
    for text, mask in checks.items():
        if not mask.any():
            continue
        matches = pl.select(
            pl.when(mask.fill_null(value=False)).then(pl.lit(text)).alias("reason")
        ).to_series()
        reason = matches if reason is None else reason.zip_with(reason.is_not_null(), matches)
    return reason


def quarantine_rows(raw: pl.DataFrame, reason: pl.Series) -> pl.DataFrame:
    """Return rows in the form of the quarantine: columns `reason` and `row`, the row as JSON."""
    texts = raw.select(pl.all().cast(pl.String, strict=False))
    return pl.DataFrame({"reason": reason, "row": texts.to_struct("row").struct.json_encode()})


def _refuse_too_many_bad_rows(
    quarantine: pl.DataFrame, total: int, ingest: Ingest, day: date
) -> None:
    if quarantine.height <= ingest.max_bad_share * total:
        return
    counts = quarantine["reason"].value_counts(sort=True)
    reasons = ", ".join(f"{reason} ({count})" for reason, count in counts.iter_rows())
    raise TerminalError(
        f"too many rows of {day} cannot be used: {reasons}; the lake was not touched",
        received=f"{quarantine.height} of {total} rows ({quarantine.height / total:.2%})",
        allowed=f"at most {ingest.max_bad_share:.2%} (ingest.max_bad_share)",
        next_step="correct the source, or raise ingest.max_bad_share",
    )


def _sorted_unique(rows: pl.DataFrame, ingest: Ingest) -> pl.DataFrame:
    ordered = rows.sort([*ingest.key, ingest.event_time], maintain_order=True)
    followed = pl.all_horizontal(pl.col(name).eq(pl.col(name).shift(-1)) for name in ingest.key)
    return ordered.filter(~followed.fill_null(value=False))
