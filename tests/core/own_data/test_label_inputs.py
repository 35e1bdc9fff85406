"""Labels and categories as people have them: each means one thing, or the run says what to write."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.core.own_data.world import ingest_window, model_folder, write_model

from airworthy.spec.loading import SpecError

START = date(2026, 1, 1)
BINARY = {"id": "int", "y": "bool"}


def ingest(
    root: Path, days: list[list[Any] | pl.Series], columns: dict[str, str], suffix: str, **keys: Any
) -> Any:
    """Write one file per day with the values of `y`, and ingest them.

    Args:
        root: The test's folder.
        days: Values by day.
        columns: ``ingest.columns``.
        suffix: ``csv`` or ``parquet``.
        keys: Further keys of ``ingest``, and ``task``.
    """
    folder = model_folder(root)
    for number, values in enumerate(days):
        column = pl.Series("y", values)
        day = START + timedelta(days=number)
        ids = [100 * number + row for row in range(column.len())]
        frame = pl.DataFrame({"id": ids, "at": [f"{day} 08:00:00"] * column.len()}, strict=False)
        frame = frame.with_columns(column)
        path = folder / f"{day}.{suffix}"
        _ = frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    task = keys.pop("task", "binary")
    source = {"path": "{yyyy}-{mm}-{dd}." + suffix, "format": suffix}
    job = write_model(root, source=source, columns=columns, ingest=keys, task=task)
    return ingest_window(job)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("values", "keys", "expected"),
    [
        (["UP", "DOWN", "UP"], {"positive": "UP"}, [True, False, True]),
        (["UP", "DOWN", None], {"positive": "DOWN", "negative": "UP"}, [False, True, None]),
        ([1, 2, 2], {"positive": 2}, [False, True, True]),
        ([1.0, 2.0, None], {"positive": 2, "negative": 1}, [False, True, None]),
        ([1, 2, 1], {"positive": "1"}, [True, False, True]),
        ([0, 1, 1], {"positive": 0}, [True, False, False]),
        ([True, False, True], {"positive": "false"}, [False, True, False]),
        (["yes", "no", "no"], {"positive": "no"}, [False, True, True]),
        ([1.0, 0.0, None], {}, [True, False, None]),
        (["1", "0", "1.0"][:2], {}, [True, False]),
        (["True", "False", "yes", "no", "t", "f"], {}, [True, False, True, False, True, False]),
    ],
)
def test_two_values_are_yes_and_no(
    tmp_path: Path, suffix: str, values: list[Any], keys: dict[str, Any], expected: list[Any]
) -> None:
    """The label is yes where it has the positive value, in every format; a missing one is null."""
    outcome = ingest(tmp_path, [values], BINARY, suffix, **keys)
    assert outcome.message == ""
    assert outcome.rows["y"].to_list() == expected


@pytest.mark.parametrize(
    ("days", "keys", "messages"),
    [
        (
            [["UP", "DOWN", "UP"]],
            {},
            ["'UP' (2), 'DOWN' (1)", "`positive: DOWN` or `positive: UP`"],
        ),
        ([[1, 2, 1]], {}, ["'1' (2), '2' (1)", "`positive: 1` or `positive: 2`"]),
        ([["on", "off", "on"]], {}, ["`positive: 'off'` or `positive: 'on'`"]),
        ([["a", "b", "c"]], {}, ["'a' (1), 'b' (1), 'c' (1)", "task: multiclass"]),
        (
            [["UP", "DOWN", "FLAT"]],
            {"positive": "UP"},
            ["2 values that are not the positive one", "'FLAT' (1)", "ingest.negative"],
        ),
        (
            [["UP", "DOWN"], ["UP", "FLAT"]],
            {"positive": "UP"},
            ["'FLAT' on 2026-01-02, 'DOWN' on 2026-01-01", "`negative: DOWN`"],
        ),
        (
            [["UP", "DOWN", "true", "false"]],
            {"positive": "UP", "negative": "DOWN"},
            ["unparsable y (2)", "2 of 4 rows"],
        ),
    ],
)
def test_a_third_value_is_never_a_no(
    tmp_path: Path, days: list[Any], keys: dict[str, Any], messages: list[str]
) -> None:
    """The error has the values with their counts, and the line to write."""
    message = ingest(tmp_path, days, BINARY, "csv", **keys).message
    for text in messages:
        assert text in message


@pytest.mark.parametrize(
    ("columns", "keys", "messages"),
    [
        (BINARY, {"positive": "UP", "negative": "UP"}, ["yes and no have the same value"]),
        (BINARY, {"negative": "DOWN"}, ["ingest.positive, too"]),
        (BINARY, {"positive": True}, ["YAML reads this as a boolean", "in quotes"]),
        (BINARY, {"positive": "-", "null_values": ["-"]}, ["the label is missing"]),
        (BINARY | {"y": "int"}, {"positive": 2}, ["is kept as yes or no", "bool"]),
        (
            BINARY | {"y": "category"},
            {"positive": "a", "task": "multiclass"},
            ["is kept as yes or no"],
        ),
    ],
)
def test_meanings_that_cannot_hold_are_faults(
    tmp_path: Path, columns: dict[str, str], keys: dict[str, Any], messages: list[str]
) -> None:
    """The spec is refused with the key, before any row is read."""
    with pytest.raises(SpecError) as caught:
        ingest(tmp_path, [["UP"]], columns, "csv", **keys)
    for text in messages:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "days", "expected"),
    [
        ("parquet", [[1, 2], [1.0, None]], ["1", "2", "1", None]),
        ("csv", [[1, 2], [1.0, 2.5]], ["1", "2", "1", "2.5"]),
        ("parquet", [[True, False], ["True", "true"]], ["true", "false", "true", "true"]),
        ("csv", [["01", "1e3"], ["A", "1.0x"]], ["01", "1e3", "A", "1.0x"]),
    ],
)
def test_a_category_has_one_text_per_value(
    tmp_path: Path, suffix: str, days: list[Any], expected: list[str | None]
) -> None:
    """Whole numbers and booleans are one level, however the day's file has them."""
    columns = {"id": "int", "y": "category"}
    outcome = ingest(tmp_path, days, columns, suffix, task="multiclass")
    assert outcome.message == ""
    assert outcome.rows["y"].to_list() == expected
