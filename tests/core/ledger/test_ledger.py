"""The ledger keeps every decision once, in order, and shows tampering."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock

from airworthy.environment import Environment, load_environment
from airworthy.errors import SupersededError, TransientError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger import Ledger

from .notes import Note


def _append_from_a_process(name: str) -> None:
    book = open_ledger(load_environment(), "m")
    for number in range(5):
        book.append(Note(name=f"{name}:{number}", n=number), run_id="run", who="who")


def test_entries_are_chained_in_order(environment: Environment) -> None:
    """Entries come back in the order they were appended, and the chain is whole."""
    book = open_ledger(environment, "m")
    for number in range(3):
        book.append(Note(name=f"v{number}", n=number), run_id="run", who="who")
    assert [entry.content["n"] for entry in book.entries()] == [0, 1, 2]
    assert book.first_broken_entry() is None


def test_same_id_is_one_entry(environment: Environment) -> None:
    """A retried task appends nothing new and gets the present entry."""
    book = open_ledger(environment, "m")
    first = book.append(Note(name="v", n=1), run_id="run", who="who")
    assert book.append(Note(name="v", n=2), run_id="run", who="who") == first
    assert len(book.entries()) == 1


def test_concurrent_processes_leave_one_whole_chain(environment: Environment) -> None:
    """Four processes appending at once leave every entry once and an unbroken chain."""
    context = get_context("spawn")
    processes = [context.Process(target=_append_from_a_process, args=(f"p{n}",)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    book = open_ledger(environment, "m")
    assert len({entry.entry_id for entry in book.entries()}) == 20
    assert book.first_broken_entry() is None


def test_looking_makes_nothing(environment: Environment) -> None:
    """Reading a missing model's ledger leaves no folder behind."""
    assert open_ledger(environment, "no_such_model").entries() == []
    assert not (Path(environment.lake) / "no_such_model").exists()


def test_writers_that_share_no_lock_leave_one_whole_chain(tmp_path: Path) -> None:
    """Two machines do not see each other's lock files: the table itself lets only one follow an
    entry.
    """
    books = [
        Ledger(str(tmp_path / "ledger"), "m", FileLock(tmp_path / f"{name}.lock")) for name in "ab"
    ]
    books[0].append(Note(name="first"), run_id="run", who="who")

    def write(writer: int) -> None:
        for number in range(6):
            books[writer].append(Note(name=f"{writer}:{number}"), run_id="run", who="who")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert len(books[0].entries()) == 13
    assert books[0].first_broken_entry() is None


def test_ledger_out_of_reach_is_transient(tmp_path: Path) -> None:
    """A table without write access is an error in words, with a retry."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    book = Ledger(str(tmp_path / "file" / "ledger"), "m", FileLock(tmp_path / "lock"))
    with pytest.raises(TransientError, match="file/ledger"):
        book.append(Note(name="first"), run_id="run", who="who")


def test_table_refuses_deletion(environment: Environment) -> None:
    """The table itself is append-only: Delta refuses to delete from it."""
    book = open_ledger(environment, "m")
    book.append(Note(name="v"), run_id="run", who="who")
    with pytest.raises(Exception, match=r"(?i)append"):
        DeltaTable(book.uri).delete("sequence = 1")


def test_changed_entry_is_named(environment: Environment, tmp_path: Path) -> None:
    """A ledger rewritten with one changed payload names the changed entry."""
    book = open_ledger(environment, "m")
    for number in range(4):
        book.append(Note(name=f"v{number}", n=number), run_id="run", who="who")
    frame = pl.from_arrow(DeltaTable(book.uri).to_pyarrow_table())
    assert isinstance(frame, pl.DataFrame)
    changed = (
        pl.when(pl.col("sequence") == 3)
        .then(pl.lit(json.dumps({"n": 9})))
        .otherwise("payload")
        .alias("payload")
    )
    forged = tmp_path / "forged"
    write_deltalake(forged, frame.with_columns(changed))
    book.uri = str(forged)
    broken = book.first_broken_entry()
    assert broken is not None
    assert broken.entry_id == "v2"


def test_a_decision_against_old_traffic_is_refused(environment: Environment) -> None:
    """An append on condition of the last traffic entry changes nothing when another came first."""
    book = open_ledger(environment, "m")
    first = book.append(AliasMove(to="1"), run_id="a", who="who", decided=0)
    book.append(Note(name="n", n=1), run_id="b", who="who")
    second = book.append(
        AliasMove(to="2", moves_before=1), run_id="b", who="who", decided=first.sequence
    )
    late = AliasMove(to="3", moves_before=1)
    with pytest.raises(SupersededError, match=f"entry {second.sequence}"):
        book.append(late, run_id="c", who="who", decided=first.sequence)
    assert [entry.content.get("to") for entry in book.entries()] == ["1", None, "2"]


def test_a_retried_decision_gets_its_own_entry_back(environment: Environment) -> None:
    """A retry of an append that was made finds it, though traffic moved on since."""
    book = open_ledger(environment, "m")
    first = book.append(AliasMove(to="1"), run_id="a", who="who", decided=0)
    book.append(AliasMove(to="2", moves_before=1), run_id="b", who="who", decided=first.sequence)
    assert book.append(AliasMove(to="1"), run_id="a", who="who", decided=0) == first
