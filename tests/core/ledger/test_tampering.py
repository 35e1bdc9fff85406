"""A ledger with changed files names the broken entry, for any changed byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.ledger import Ledger

from .notes import Note


@pytest.fixture(scope="module")
def four_entries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, list[Path]]:
    """A ledger of the entries v0 to v3, and their files in order."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(tmp_path_factory.mktemp("state")))
        book = open_ledger(load_environment(), "m")
    for number in range(4):
        book.append(Note(name=f"v{number}", n=number), run_id="run", who="who")
    return book, sorted(
        Path(book.uri).glob("*.parquet"), key=lambda path: pl.read_parquet(path)["sequence"][0]
    )


@settings(max_examples=40)
@given(entry=st.integers(0, 3), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_changed_bit_of_a_file_names_its_entry(
    four_entries: tuple[Ledger, list[Path]], entry: int, share: float, bit: int
) -> None:
    """Wherever it is: also where a reader of Parquet would fail, and where no value would change."""
    book, paths = four_entries
    content = paths[entry].read_bytes()
    changed = bytearray(content)
    changed[int(share * len(content))] ^= 1 << bit
    paths[entry].write_bytes(changed)
    try:
        with pytest.raises(TerminalError, match="the ledger was changed") as raised:
            book.entries()
        assert raised.value.received == f"entry {entry + 1} (v{entry})"
    finally:
        paths[entry].write_bytes(content)
    assert book.first_broken_entry() is None


def test_a_file_that_is_gone_names_its_entry(four_entries: tuple[Ledger, list[Path]]) -> None:
    """An entry cannot be removed quietly."""
    book, paths = four_entries
    content = paths[2].read_bytes()
    paths[2].unlink()
    try:
        with pytest.raises(TerminalError, match="the ledger was changed") as raised:
            book.entries()
        assert raised.value.received == "entry 3 (v2)"
    finally:
        paths[2].write_bytes(content)


def test_the_command_names_the_changed_entry(
    four_entries: tuple[Ledger, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``airworthy ledger verify`` ends with 1 and the entry, for a changed file as for a broken
    log.
    """
    book, paths = four_entries
    monkeypatch.setenv("AIRWORTHY_STATE", str(Path(book.uri).parents[2]))
    log = Path(book.uri) / "_delta_log" / f"{3:020}.json"
    for path in (paths[2], log):
        content = path.read_bytes()
        path.write_bytes(content[:1].replace(content[:1], bytes([content[0] ^ 1])) + content[1:])
        done = subprocess.run(
            [sys.executable, "-m", "airworthy", "ledger", "verify", "m"],
            capture_output=True,
            text=True,
        )
        path.write_bytes(content)
        assert done.returncode == 1, done.stderr
        assert "the ledger was changed" in done.stderr
        assert "entry 3 (" in done.stderr
        assert "Traceback" not in done.stderr
