"""The ledger keeps every decision once, in order, and shows tampering."""

from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from airworthy.environment import Environment, load_environment
from airworthy.ledger import open_ledger


def _append_from_a_process(name: str) -> None:
    book = open_ledger(load_environment(), "m")
    for number in range(5):
        book.append("verdict", f"{name}:{number}", "run", "who", {"n": number})


def test_entries_are_chained_in_order(environment: Environment) -> None:
    """Entries come back in the order they were appended, and the chain is whole."""
    book = open_ledger(environment, "m")
    for number in range(3):
        book.append("verdict", f"v{number}", "run", "who", {"n": number})
    assert [entry.facts["n"] for entry in book.entries()] == [0, 1, 2]
    assert book.broken_at() is None


def test_same_id_is_one_entry(environment: Environment) -> None:
    """A retried task appends nothing new and gets the entry that is there."""
    book = open_ledger(environment, "m")
    first = book.append("verdict", "v", "run", "who", {"n": 1})
    assert book.append("verdict", "v", "run", "who", {"n": 2}) == first
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
    assert book.broken_at() is None


def test_table_refuses_deletion(environment: Environment) -> None:
    """The table itself is append-only: Delta refuses to delete from it."""
    book = open_ledger(environment, "m")
    book.append("verdict", "v", "run", "who", {})
    with pytest.raises(Exception, match=r"(?i)append"):
        DeltaTable(book.uri).delete("sequence = 1")


def test_changed_entry_is_named(environment: Environment, tmp_path: Path) -> None:
    """A ledger rewritten with one changed payload names the changed entry."""
    book = open_ledger(environment, "m")
    for number in range(4):
        book.append("verdict", f"v{number}", "run", "who", {"n": number})
    frame = pl.from_arrow(DeltaTable(book.uri).to_pyarrow_table())
    changed = pl.when(pl.col("sequence") == 3).then(pl.lit(json.dumps({"n": 9}))).otherwise("payload").alias("payload")
    forged = tmp_path / "forged"
    write_deltalake(forged, frame.with_columns(changed))
    book.uri = str(forged)
    broken = book.broken_at()
    assert broken is not None
    assert broken.entry_id == "v2"
