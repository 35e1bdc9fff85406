"""Append-only tables hold each key once, whoever appends at once, and read no more files than a
question needs.
"""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.errors import TransientError
from airworthy.lake.append_only import AppendOnlyTable

SCHEMA = pl.Schema({"key": pl.String(), "number": pl.Int64(), "days": pl.List(pl.String())})


def key_of(number: int) -> str:
    """Return the key of a number."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def rows_of(*numbers: int) -> pl.DataFrame:
    """Return a row for each number."""
    return pl.DataFrame(
        {
            "key": [key_of(n) for n in numbers],
            "number": numbers,
            "days": [[str(n)] for n in numbers],
        }
    )


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True), max_size=6),
    st.integers(0, 9),
)
def test_every_key_is_there_once(appended: list[list[int]], queried: int) -> None:
    """Whatever is appended, again or not, each key has one row; a query by key gives exactly that
    row.
    """
    with tempfile.TemporaryDirectory(prefix="a lake ") as folder:
        table = AppendOnlyTable(f"{folder}/t", SCHEMA)
        for numbers in appended:
            table.append(rows_of(*numbers))
        expected = {number for numbers in appended for number in numbers}
        assert sorted(table.read(["number"])["number"]) == sorted(expected)
        assert table.read(["number"], [key_of(queried)])["number"].to_list() == sorted(
            {queried} & expected
        )


def test_writers_at_once_leave_every_row_once(tmp_path: Path) -> None:
    """Four writers of the same rows lose and double nothing; the first creates the table."""

    def write(writer: int) -> None:
        table = AppendOnlyTable(str(tmp_path / "t"), SCHEMA)
        for number in range(6):
            table.append(rows_of(number, 100 + number + 10 * writer))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    stored = AppendOnlyTable(str(tmp_path / "t"), SCHEMA).read(["number"])["number"]
    assert sorted(stored) == sorted(
        [*range(6), *(100 + n + 10 * writer for writer in range(4) for n in range(6))]
    )


def test_a_key_is_looked_for_in_the_files_that_can_hold_it(tmp_path: Path) -> None:
    """Of forty files the log rules out nearly all: the others may be gone, and the row is found all
    the same.
    """
    table = AppendOnlyTable(str(tmp_path / "t"), SCHEMA)
    for number in range(40):
        table.append(rows_of(number))
    held = {
        row["path"]: row["min"]["key"]
        for row in pl.DataFrame(DeltaTable(table.uri).get_add_actions()).to_dicts()
    }
    for path, first in held.items():
        if not key_of(7).startswith(first):
            (tmp_path / "t" / path).unlink()
    assert table.read(["number", "days"], [key_of(7)]).to_dicts() == [{"number": 7, "days": ["7"]}]


def test_the_table_refuses_deletion(tmp_path: Path) -> None:
    """Delta itself refuses to take a row away."""
    table = AppendOnlyTable(str(tmp_path / "t"), SCHEMA)
    table.append(rows_of(1))
    with pytest.raises(Exception, match=r"(?i)append"):
        DeltaTable(table.uri).delete("number = 1")


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """Reading a missing table gives no rows and leaves no folder behind."""
    assert AppendOnlyTable(str(tmp_path / "t"), SCHEMA).read(["number"]).is_empty()
    assert not (tmp_path / "t").exists()


def test_a_table_out_of_reach_is_transient(tmp_path: Path) -> None:
    """An address without write access is an error in words, with a retry."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(TransientError, match="file/t"):
        AppendOnlyTable(str(tmp_path / "file" / "t"), SCHEMA).append(rows_of(1))
