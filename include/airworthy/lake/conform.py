"""Conforms the raw rows of a partition to the declared columns; quarantines unusable rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from airworthy.errors import TerminalError
from airworthy.handover import QuarantineReason
from airworthy.lake.amounts import find_amounts
from airworthy.lake.cells import read_cells, without_blanks
from airworthy.lake.column_types import refuse_unusable_types
from airworthy.lake.decimals import refuse_decimals
from airworthy.lake.label_values import label_values
from airworthy.lake.later_columns import add_later_columns
from airworthy.lake.row_identity import add_identity
from airworthy.lake.same_key import REASON, ROW, unique_by_key
from airworthy.lake.times import TimeRules, unreadable_times
from airworthy.lake.unusable_rows import (
    quarantine_reason,
    quarantine_rows,
    reason_counts,
    refuse_too_many,
)
from airworthy.spec.fields import ColumnType
from airworthy.spec.ingest_part import Ingest


@dataclass(frozen=True)
class ConformedPartition:
    """A partition ready for the lake.

    Attributes:
        rows: The declared columns (event time first), unique by key, sorted by key and event time.
        quarantine: Columns `reason` and `row` (the raw row as JSON), one row per unusable raw row.
        duplicates: Number of exact repeats of a row, which were dropped.
        superseded: Number of rows dropped for a later one of their key.
        reasons: Reason of quarantine -> its rows, with an example.
        negative: The label's value that means no, where ``ingest.positive`` is given; None: no row
            has it.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    duplicates: int
    superseded: int = 0
    reasons: dict[str, QuarantineReason] = field(default_factory=dict)
    negative: str | None = None


def declared_columns(ingest: Ingest) -> dict[str, ColumnType]:
    """Return the lake's columns in order: the event time, then those of ``ingest.columns``.

    Rows without a key have their number last.
    """
    return ingest.lake_columns


def conform(raw: pl.DataFrame, ingest: Ingest, day: date) -> ConformedPartition:
    """Cast, check, dedupe and sort the raw rows of one UTC day.

    Of several rows with one key, the one with the latest event time is kept; of these, the last one
    in the source's order. Exact repeats of a row are dropped. Other rows of the key are unusable,
    unless the spec says ``same_key: latest``.

    Args:
        raw: The rows of the source.
        ingest: The declared columns, key and limits.
        day: The UTC day of the partition.

    Raises:
        TerminalError: when a declared column is missing, when no cell of a column can be read as
            its type, when the source was asked for this day and gave rows of another one, or when
            the share of unusable rows is over ``ingest.max_bad_share``.
    """
    columns = ingest.source_columns
    _refuse_time_of_static_rows(raw, ingest)
    raw = add_later_columns(raw, columns, ingest, day)
    refuse_unusable_types(raw.schema, columns)
    uncast = without_blanks(raw, columns, ingest)
    negative = None
    if ingest.label in columns:  # Rows that are only scored have none.
        label, negative = label_values(uncast[ingest.label], ingest)
        uncast = uncast.with_columns(label)
    cells = read_cells(uncast, columns, ingest)
    refuse_decimals(uncast, cells.unparsable, ingest, day)
    _refuse_unparsable_columns(uncast, cells.unparsable, ingest)
    cast = add_identity(cells.cast, ingest, day)
    reason = quarantine_reason(cast, cells.unreadable, ingest, day)
    return replace(_partition(raw, uncast, cast, reason, ingest, day), negative=negative)


def _partition(
    raw: pl.DataFrame,
    uncast: pl.DataFrame,
    cast: pl.DataFrame,
    reason: pl.Series | None,
    ingest: Ingest,
    day: date,
) -> ConformedPartition:
    """Return the partition: usable rows by key, all others in quarantine or counted."""
    numbered = cast.with_row_index(ROW)
    usable = numbered if reason is None else numbered.filter(reason.is_null())
    keyed = unique_by_key(usable, list(ingest.key_types), ingest.event_time)
    aside = keyed.others if ingest.same_key == "quarantine" else keyed.others.clear()
    if not aside.is_empty():
        texts = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, raw.height)
        texts = texts if reason is None else reason
        reason = texts.scatter(aside[ROW], REASON)
    counts = {} if reason is None else reason_counts(reason, uncast, keyed.examples)
    refuse_too_many(counts, raw.height, ingest, day)
    none = pl.Series("reason", [], dtype=pl.String)
    return ConformedPartition(
        rows=keyed.rows.drop(ROW),
        quarantine=quarantine_rows(raw.clear(), none)
        if reason is None
        else quarantine_rows(raw.filter(reason.is_not_null()), reason.drop_nulls()),
        duplicates=keyed.duplicates,
        superseded=keyed.others.height - aside.height,
        reasons=counts,
    )


def _refuse_time_of_static_rows(raw: pl.DataFrame, ingest: Ingest) -> None:
    if ingest.static and ingest.event_time in raw.columns:
        raise TerminalError(
            f"the source has a column {ingest.event_time!r}, and static rows have no time",
            received=", ".join(raw.columns),
            allowed="a name of ingest.event_time that the source does not have",
            next_step="delete ingest.static if this is the time of a row, or give "
            "ingest.event_time another name",
        )


def _refuse_unparsable_columns(
    uncast: pl.DataFrame, unparsable: dict[str, pl.Series], ingest: Ingest
) -> None:
    """Refuse columns of which no cell can be read, all of them at once."""
    errors = [
        _unparsable_column(uncast[name], ingest)
        for name, mask in unparsable.items()
        if mask.sum() == uncast.height - uncast[name].null_count() and mask.sum() > 1
    ]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise TerminalError(
            "; ".join(error.problem for error in errors),
            received="; ".join(str(error.received) for error in errors),
            allowed="; ".join(str(error.allowed) for error in errors),
            next_step="; ".join(str(error.next_step) for error in errors),
        )


def _unparsable_column(column: pl.Series, ingest: Ingest) -> TerminalError:
    name, kind = column.name, ingest.source_columns[column.name]
    if kind == "datetime":
        return unreadable_times(name, column, TimeRules.of(ingest, name))
    return TerminalError(
        f"no cell of column {name!r} can be read as {kind}",
        received=f"{column.dtype}, such as {column.drop_nulls()[0]!r}",
        allowed=kind,
        next_step=_other_decimal_mark(column)
        or _derived(column, kind, ingest)
        or f"correct the type of {name} in ingest.columns, or derive it in ingest.source",
    )


def _derived(column: pl.Series, kind: str, ingest: Ingest) -> str | None:
    """Return what to write for a column of amounts, such as $1,234.50; None: it is not one."""
    source = ingest.source
    if kind not in ("int", "float") or column.dtype != pl.String or source.type != "files":
        return None
    decimal = "." if source.csv is None else source.csv.decimal
    amounts = find_amounts(column.str.strip_chars(), decimal, 1.0, least=1)
    if amounts is None or column.name in source.derive:
        return None
    names = {new: old for old, new in source.rename.items()}
    quoted = f'"{names.get(column.name, column.name)}"'
    return f"write in ingest.source: derive: {{{column.name}: {json.dumps(amounts.sql(quoted), ensure_ascii=False)}}}"


def _other_decimal_mark(column: pl.Series) -> str | None:
    """Return what to write for a column of numbers with decimal commas; None: it is not one."""
    if (
        column.dtype != pl.String
        or not column.str.contains(r"^[+-]?[\d.]*,\d+$").drop_nulls().all()
    ):
        return None
    return 'write in ingest.source: csv: {decimal: ","}; in other formats, derive it with REPLACE'
