"""A source's columns and a spec's columns change over time: no lake is stuck by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airworthy.spec.loading import SpecError

from .world import Ingested, ingest_window, model_folder, write_model

SOURCE = {"path": "data/{yyyy}-{mm}-{dd}.csv"}
COLUMNS = {"id": "int", "stops": "int", "minutes": "float"}
WIND = {"id": "int", "stops": "int", "wind": "float", "minutes": "float"}


def write_days(root: Path, days: Mapping[int, Mapping[str, object]]) -> None:
    """Write a CSV file for each day of January 2026, with two rows and further columns."""
    folder = model_folder(root) / "data"
    folder.mkdir(exist_ok=True)
    for day, more in days.items():
        rows: dict[str, Any] = {
            "at": [f"2026-01-{day:02}T0{hour}:00:00" for hour in (1, 2)],
            "id": [10 * day + 1, 10 * day + 2],
            "stops": [1, 2],
            "minutes": [5.0, 6.0],
        }
        pl.DataFrame(rows | dict(more)).write_csv(folder / f"2026-01-{day:02}.csv")


def ingest(root: Path, columns: dict[str, str], since: dict[str, str] | None = None) -> Ingested:
    """Ingest the first three days of January."""
    more = {} if since is None else {"since": since}
    return ingest_window(write_model(root, source=SOURCE, columns=columns, ingest=more))


def test_a_column_that_appears_later_is_null_before_by_declaration(tmp_path: Path) -> None:
    """`since` lets the days before pass, with nulls; the values from that day on are there."""
    write_days(tmp_path, {1: {}, 2: {}, 3: {"wind": [0.5, 1.5]}})
    result = ingest(tmp_path, WIND, {"wind": "2026-01-03"})
    assert result.message == ""
    assert result.rows["wind"].to_list() == [None, None, None, None, 0.5, 1.5]


@pytest.mark.parametrize(
    ("days", "since", "expected"),
    [
        (
            {1: {}, 2: {}, 3: {"wind": [1, 2]}},
            None,
            ["no column 'wind' on 2026-01-01", "write ingest.since: {wind: 2026-01-03}"],
        ),
        ({1: {}, 2: {}, 3: {}}, None, ["no column 'wind' on 2026-01-01", "rename or derive"]),
        (
            {1: {}, 2: {}, 3: {"wind": [1, 2]}},
            {"wind": "2026-01-02"},
            ["no column 'wind' on 2026-01-02", "{wind: 2026-01-03}"],
        ),
        (
            {1: {}, 2: {"wind": [1, 2]}, 3: {"wind": [1, 2]}},
            {"wind": "2026-01-03"},
            ["'wind' has values on 2026-01-02", "ingest.since: {wind: 2026-01-02}"],
        ),
    ],
)
def test_the_error_has_the_day_and_the_line_to_write(
    tmp_path: Path,
    days: dict[int, dict[str, object]],
    since: dict[str, str] | None,
    expected: list[str],
) -> None:
    """A column that is missing, or is there too early, is named with its day and the way out."""
    write_days(tmp_path, days)
    message = ingest(tmp_path, WIND, since).message
    assert [text for text in expected if text not in message] == []


@pytest.mark.parametrize(
    ("since", "problem"),
    [
        ({"wnd": "2026-01-02"}, "not declared"),
        ({"id": "2026-01-02"}, "every row needs this column"),
        ({"minutes": "2026-01-02"}, "every row needs this column"),
        ({"at": "2026-01-02"}, "every row needs this column"),
        ({"wind": "2026-01-01"}, "after the first day"),
        ({"wind": "2025-12-01"}, "after the first day"),
    ],
)
def test_a_first_day_is_refused_where_it_makes_no_sense(
    tmp_path: Path, since: dict[str, str], problem: str
) -> None:
    """Keys, label and event time are on every day; a column of all days has no first day."""
    with pytest.raises(SpecError, match=problem):
        write_model(tmp_path, source=SOURCE, columns=WIND, ingest={"since": since})


def test_an_int_with_decimals_on_a_later_day_names_the_day_and_says_float(tmp_path: Path) -> None:
    """Declared as float instead, the same lake takes all days, and keeps older versions readable."""
    write_days(tmp_path, {1: {}, 2: {}, 3: {"stops": [1.5, 2.5]}})
    refused = ingest(tmp_path, COLUMNS).message
    assert "'stops' is declared as int and has numbers with decimals on 2026-01-03" in refused
    assert "{stops: float}" in refused
    wider = ingest(tmp_path, COLUMNS | {"stops": "float"})
    assert wider.message == ""
    assert wider.rows["stops"].to_list() == [1.0, 2.0, 1.0, 2.0, 1.5, 2.5]


def test_a_float_column_takes_days_of_whole_numbers(tmp_path: Path) -> None:
    """Whole numbers on the first days are numbers with decimals by declaration."""
    write_days(tmp_path, {1: {}, 2: {}, 3: {"stops": [1.5, 2.5]}})
    assert ingest(tmp_path, COLUMNS | {"stops": "float"}).rows["stops"].dtype == pl.Float64


def test_a_day_that_the_source_has_no_more_keeps_its_rows_through_every_change(
    tmp_path: Path,
) -> None:
    """After a column was widened and another one added, its older file is read with both."""
    write_days(tmp_path, {1: {}, 2: {}, 3: {}})
    assert ingest(tmp_path, COLUMNS).message == ""
    (model_folder(tmp_path) / "data" / "2026-01-01.csv").unlink()
    write_days(tmp_path, {2: {"wind": [1, 2]}, 3: {"wind": [3, 4]}})
    result = ingest(tmp_path, WIND | {"stops": "float"})
    assert result.message == ""
    assert result.rows["wind"].to_list() == [None, None, 1.0, 2.0, 3.0, 4.0]
    assert result.rows["stops"].to_list() == [1.0, 2.0] * 3


@pytest.mark.parametrize(
    ("columns", "source", "expected"),
    [
        ({"id": "int", "minutes": "float"}, {}, ["at", "id", "minutes"]),
        (
            {"id": "int", "halts": "int", "minutes": "float"},
            {"rename": {"stops": "halts"}},
            ["at", "id", "halts", "minutes"],
        ),
    ],
    ids=["removed", "renamed"],
)
def test_a_change_of_the_declared_columns_leaves_the_lake_usable(
    tmp_path: Path, columns: dict[str, str], source: dict[str, Any], expected: list[str]
) -> None:
    """The changed spec ingests, and the spec of before does so again."""
    write_days(tmp_path, {1: {}, 2: {}, 3: {}})
    assert ingest(tmp_path, COLUMNS).message == ""
    changed = ingest_window(write_model(tmp_path, source=SOURCE | source, columns=columns))
    assert (changed.message, changed.rows.columns) == ("", expected)
    assert ingest(tmp_path, COLUMNS).rows.height == 6


def test_another_type_says_what_to_do_and_the_way_works(tmp_path: Path) -> None:
    """A column that is no number any more gets another name by `rename`."""
    write_days(tmp_path, {1: {}, 2: {}, 3: {}})
    assert ingest(tmp_path, COLUMNS).message == ""
    refused = ingest(tmp_path, COLUMNS | {"stops": "category"}).message
    assert "stops: long -> string" in refused
    assert "stops_2: ingest.source.rename" in refused
    renamed = {"id": "int", "stops_2": "category", "minutes": "float"}
    job = write_model(tmp_path, source=SOURCE | {"rename": {"stops": "stops_2"}}, columns=renamed)
    assert ingest_window(job).rows["stops_2"].to_list() == ["1", "2"] * 3


def test_a_column_that_is_not_there_yet_breaks_no_expectation() -> None:
    """Days before a column's first day are neither judged nor a measure of later days."""
    from airworthy.validation.recent_days import DayFigures, day_expectations

    first = date(2026, 1, 9)
    figures = {
        date(2026, 1, day): DayFigures(100, {"wind": 0 if day >= 9 else 100})
        for day in range(1, 30)
    }
    judged = day_expectations(figures, row_count=False, columns=["wind"], since={"wind": first})
    assert not any(judged[date(2026, 1, day)] for day in range(1, 16))
    assert all(judged[date(2026, 1, day)] for day in range(16, 30))
