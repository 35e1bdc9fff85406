"""The proof of the name behind an entry: kept, covered by the hash, absent from old entries."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, Schema

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import ProvedBy
from airworthy.ledger import Entry, Ledger, entry_files, open_ledger
from airworthy.ledger.entry import NO_HASH
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger import SCHEMA
from airworthy.ledger.ledger_follower import LedgerFollower

_OLD_SCHEMA = pl.Schema({name: kind for name, kind in SCHEMA.items() if name != "proved_by"})


@pytest.fixture
def old(environment: Environment) -> Ledger:
    """A ledger with one entry, as older versions wrote it."""
    ledger = open_ledger(environment, "eta")
    schema = Schema.from_arrow(pl.DataFrame(schema=_OLD_SCHEMA).to_arrow().schema)
    settings: dict[str, str | None] = {"delta.appendOnly": "true"}
    table = DeltaTable.create(ledger.uri, schema=schema, configuration=settings)
    unsealed: Entry = Entry(
        sequence=1,
        entry_id="alias_move:run:1:0",
        time="2026-03-20T00:00:00.000+00:00",
        kind="alias_move",
        model="eta",
        run_id="run",
        who="ada",
        payload='{"to": "1"}',
        previous_hash=NO_HASH,
        hash="",
    )
    sealed = replace(unsealed, hash=unsealed.expected_hash())
    row = {name: asdict(sealed)[name] for name in _OLD_SCHEMA}
    action = entry_files.write(ledger.uri, pl.DataFrame([row], schema=_OLD_SCHEMA))
    table.create_write_transaction(actions=[action], mode="append", schema=table.schema())
    return ledger


def test_a_ledger_of_an_older_version_takes_new_entries(old: Ledger) -> None:
    """The table gets the column once; old and new entries are read, followed and believed."""
    follower = LedgerFollower(old.uri, "eta")
    assert [entry.proved_by for entry in follower.new_entries()] == [None]
    proofs: tuple[ProvedBy, ...] = ("airflow", "operating system")
    for number, proof in enumerate(proofs, start=1):
        move = AliasMove(to="2", moves_before=number)
        old.append(move, run_id="new", who="bob", proved_by=proof)
    entries = old.entries()
    assert [(each.who, each.proved_by) for each in entries] == [
        ("ada", None),
        ("bob", "airflow"),
        ("bob", "operating system"),
    ]
    assert old.first_broken_entry() is None
    assert follower.new_entries() == entries[1:]
    table = DeltaTable(old.uri)
    assert "proved_by" in {field.name for field in table.schema().fields}
    assert table.version() == 1 + 3  # the table, three entries, the column
    assert pl.read_delta(old.uri)["proved_by"].null_count() == 1


def test_a_changed_commit_is_named_by_its_entry(old: Ledger) -> None:
    """The commit that added the column is no entry."""
    old.append(AliasMove(to="2", moves_before=1), run_id="new", who="bob")
    (Path(old.uri) / "_delta_log" / f"{3:020}.json").write_text("changed", encoding="utf-8")
    with pytest.raises(TerminalError) as refusal:
        old.entries()
    assert str(refusal.value.received).startswith("entry 2 ")


def test_the_hash_covers_the_proof(environment: Environment) -> None:
    """A name that nobody proved cannot be turned into a proved one."""
    entry = open_ledger(environment, "eta").append(AliasMove(to="1"), run_id="run", who="alice")
    assert entry.proved_by == "nobody"
    assert entry.hash == entry.expected_hash()
    for proof in ("airflow", None):
        assert replace(entry, proved_by=proof).expected_hash() != entry.hash
