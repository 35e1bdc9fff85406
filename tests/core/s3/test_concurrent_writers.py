"""Two machines that share only the object store: each with a state folder of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.lake import open_lake
from airworthy.ledger import open_ledger
from airworthy.object_store import open_store
from airworthy.stages import run_stage

from ..ledger.notes import Note  # noqa: TID252 - tests are no installed package
from ..stages.conftest import AS_OF, MakeModel, make_model  # noqa: TID252 - tests are no installed package

__all__ = ["make_model"]

RACES = 50
_barriers: list[Any] = []


def _start(barrier: Any) -> None:
    _barriers.append(barrier)


def _append_often(state: str) -> list[str]:
    """Append an entry of this machine, and one that both have, at the same moments as the other."""
    os.environ["AIRWORTHY_STATE"] = state
    book = open_ledger(load_environment(), "m")
    ids = []
    for number in range(RACES):
        _barriers[0].wait(timeout=120)
        name = "both" if number % 2 else Path(state).name
        entry = book.append(Note(name=f"{name}:{number}"), run_id="run", who="who")
        ids.append(entry.hash)
    return ids


def _ingest(job: tuple[str, str]) -> dict[str, Any]:
    state, model = job
    os.environ["AIRWORTHY_STATE"] = state
    run = {"model": model, "as_of": f"{AS_OF}T00:00:00+00:00", "reason": "manual", "run_id": state}
    _barriers[0].wait(timeout=120)
    return run_stage("ingest", {"run": run})


@pytest.fixture
def states(tmp_path: Path) -> list[str]:
    """The state folders of two machines."""
    return [str(tmp_path / name) for name in ("one", "two")]


@pytest.fixture
def machines(environment: Environment) -> Any:
    """Two processes; they get the variables of this one."""
    context = get_context("spawn")
    with ProcessPoolExecutor(2, context, _start, (context.Barrier(2),)) as pool:
        yield lambda function, jobs: list(pool.map(function, jobs))


def test_fifty_races_of_two_machines_leave_one_whole_ledger(
    environment: Environment, states: list[str], machines: Callable[..., list[list[str]]]
) -> None:
    """Every entry is there once, in one chain. Both are given the same entry for the same id."""
    told = machines(_append_often, states)
    book = open_ledger(environment, "m")
    entries = book.entries()
    assert [entry.sequence for entry in entries] == list(range(1, RACES // 2 * 3 + 1))
    assert len({entry.entry_id for entry in entries}) == len(entries)
    assert book.first_broken_entry() is None
    assert told[0][1::2] == told[1][1::2]
    assert {*told[0], *told[1]} == {entry.hash for entry in entries}


def test_two_machines_ingest_the_same_days_once(
    environment: Environment,
    make_model: MakeModel,
    states: list[str],
    machines: Callable[..., list[dict[str, Any]]],
) -> None:
    """Both get the same dataset, and each partition was written once."""
    model = make_model()
    made = machines(_ingest, [(state, model) for state in states])
    datasets = [DatasetRef.model_validate(each) for each in made]
    assert datasets[0].partitions == datasets[1].partitions
    assert datasets[0].digest == datasets[1].digest
    lake = open_lake(environment, model)
    assert lake.restatements().is_empty()
    assert len(lake.partitions()) == len(datasets[0].partitions)


def test_a_changed_or_missing_object_names_its_entry(environment: Environment) -> None:
    """One changed byte of an entry, an entry that is gone, and a commit that is not JSON."""
    book = open_ledger(environment, "m")
    for number in range(3):
        book.append(Note(name=f"v{number}"), run_id="run", who="who")
    store = open_store(book.uri)
    files = [each.path for each in store.list() if each.path.endswith(".parquet")]
    assert len(files) == 3
    for path in files:
        content = _content(book.uri, path)
        store.write(path, content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(TerminalError, match="the ledger was changed"):
            book.entries()
        store.delete(path)
        with pytest.raises(TerminalError, match="the ledger was changed"):
            book.entries()
        store.write(path, content)
    assert book.first_broken_entry() is None
    log = f"_delta_log/{2:020}.json"
    store.write(log, b"x" + _content(book.uri, log)[1:])
    with pytest.raises(TerminalError, match="the ledger was changed") as raised:
        book.entries()
    assert str(raised.value.received).startswith("entry 2 ")


def _content(uri: str, path: str) -> bytes:
    read = open_store(uri).read(path)
    assert read is not None
    return read.content
