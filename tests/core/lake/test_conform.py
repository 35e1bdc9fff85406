"""Rows in the lake are exactly as the spec declares; the rest is kept aside with its reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from tests.core.lake.conftest import trips_spec

from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.conform import conform

DAY = date(2026, 1, 1)
INGEST = trips_spec({"type": "simulator"}).ingest


def test_declared_columns_types_and_order(raw_trips: pl.DataFrame) -> None:
    """Columns come in the declared order and types, sorted by key; undeclared ones are dropped."""
    rows = conform(raw_trips, INGEST, DAY).rows
    assert rows.schema == {
        "at": pl.Datetime("us", "UTC"),
        "id": pl.Int64,
        "city": pl.String,
        "minutes": pl.Float64,
    }
    assert rows["id"].to_list() == [1, 2, 3, 4]
    assert rows["minutes"].to_list() == [2.0, 3.25, 1.5, None]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("id", None, "null key id"),
        ("id", "one", "unparsable id"),
        ("id", "1.5", "unparsable id"),
        ("at", None, "null event time"),
        ("at", "yesterday", "unparsable at"),
        ("at", "2026-01-02 00:00:00", "event time outside the partition"),
        ("at", "2025-12-31 23:59:59.999999", "event time outside the partition"),
        ("minutes", "a lot", "unparsable minutes"),
        ("minutes", "inf", "infinite minutes"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    raw_trips: pl.DataFrame, column: str, cell: str | None, reason: str
) -> None:
    """One bad cell costs its own row only; the row is kept unchanged, with the reason."""
    bad = [cell, *raw_trips[column].to_list()[1:]]
    raw = raw_trips.with_columns(pl.Series(column, bad, dtype=pl.String))
    result = conform(raw, INGEST, DAY)
    assert result.rows.height == 3
    assert result.quarantine["reason"].to_list() == [reason]
    assert json.loads(result.quarantine["row"][0]) == raw.row(0, named=True)


def test_too_many_bad_rows_stop(raw_trips: pl.DataFrame) -> None:
    """Over the declared share the partition is refused, with the counts by reason."""
    raw = raw_trips.with_columns(pl.Series("id", [None, None, "x", "4"]))
    with pytest.raises(TerminalError, match=r"null key id \(2\), unparsable id \(1\)") as caught:
        conform(raw, INGEST, DAY)
    assert "3 of 4 rows" in str(caught.value.received)


def test_missing_and_wholly_unparsable_columns_are_named(raw_trips: pl.DataFrame) -> None:
    """A missing column, or one with other content altogether, is no matter of single rows."""
    with pytest.raises(TerminalError, match="no column 'city', 'minutes'"):
        conform(raw_trips.drop("city", "minutes"), INGEST, DAY)
    with pytest.raises(TerminalError, match="no cell of column 'minutes'"):
        conform(raw_trips.with_columns(minutes=pl.lit("ten")), INGEST, DAY)


def test_the_last_of_equal_keys_stays(raw_trips: pl.DataFrame) -> None:
    """Of rows with one key the latest event stays, and of equally late ones the last in the
    source's order.
    """
    later = raw_trips[:1].with_columns(at=pl.lit("2026-01-01 09:00:00"), minutes=pl.lit("7"))
    same_time = later.with_columns(minutes=pl.lit("8"))
    result = conform(pl.concat([later, same_time, raw_trips]), INGEST, DAY)
    assert result.rows.filter(pl.col("id") == 3)["minutes"].to_list() == [8.0]
    assert (result.rows.height, result.duplicates, result.quarantine.height) == (4, 0, 2)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (
            "float",
            pl.Series(["1", " 2.5 ", "", "nan", None, "x"]),
            [1.0, 2.5, None, None, None, None],
        ),
        ("float", pl.Series([1.0, float("nan")]), [1.0, None]),
        ("int", pl.Series(["7", "3.0", "3.5", "-2"]), [7, 3, None, -2]),
        ("int", pl.Series([1.0, 2.5, 1e300]), [1, None, None]),
        ("bool", pl.Series(["TRUE", "0", "yes", "maybe"]), [True, False, True, None]),
        ("bool", pl.Series([0, 1, 2]), [False, True, None]),
        ("category", pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        ("string", pl.Series([1, 2]), ["1", "2"]),
    ],
)
def test_casting(kind: str, given: pl.Series, expected: list[object]) -> None:
    """Each declared type reads the usual ways of writing it, and nothing else."""
    assert cast_column(blanks_to_null(given, kind), kind).to_list() == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T13:45:00Z",
        "2026-01-31 13:45",
        "2026-01-31 14:45:00+01:00",
        "2026-01-31T13:45:00.000",
        "2026-01-31",
    ],
)
def test_times_are_utc(written: str) -> None:
    """Every usual way of writing a time is read as UTC, also when a column mixes them."""
    expected = (
        datetime(2026, 1, 31, tzinfo=UTC)
        if len(written) == 10
        else datetime(2026, 1, 31, 13, 45, tzinfo=UTC)
    )
    mixed = cast_column(pl.Series(["2026-01-01 00:00:00", written]), "datetime")
    assert mixed.dtype == pl.Datetime("us", "UTC")
    assert mixed[1] == expected
