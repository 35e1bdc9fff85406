"""A lake of 1,000 partitions and a ledger of 200 versions are traced as surely as small ones.

``benchmarks/lineage.py`` measures the duration, on the same history written through the project's
own commits, one by one. Here the tables are written in bulk, with the same content.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from deltalake import write_deltalake

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.lake import Lake, open_lake
from airworthy.lake.dataset_records import DatasetRecord
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import LedgerEvent, Registration
from airworthy.ledger.ledger import SCHEMA
from airworthy.lineage.answer_tree import build_tree, tree_lines
from airworthy.lineage.trace import trace
from airworthy.spec import load_spec
from airworthy.stages.ingest import ingest

from ...scripts import load_script  # noqa: TID252 - tests are no installed package

PARTITIONS, VERSIONS = 1000, 200


SCRIPT = Path(__file__).parents[3] / "benchmarks" / "lineage.py"
BENCH = load_script(SCRIPT, "benchmark_of_lineage")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Environment, str]]:
    """The history, and the id of a prediction by its newest version."""
    folder = tmp_path_factory.mktemp("big")
    path = folder / "models" / BENCH.MODEL / "model.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(BENCH.SPEC), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in BENCH.variables_of(folder).items():
            patch.setenv(name, value)
        environment = load_environment()
        ingest(Job(load_spec(path), environment, BENCH.request(0, BENCH.FIRST + timedelta(days=1))))
        [(_, record)] = open_datasets(environment, BENCH.MODEL).events(DatasetRecord)
        last = grow(open_lake(environment, BENCH.MODEL), record)
        datasets, entries = open_datasets(environment, BENCH.MODEL), list[Entry]()
        for version, dataset in enumerate(BENCH.windows(last, VERSIONS), start=1):
            datasets.add(dataset, *BENCH.events(version, dataset, record))
            for event in BENCH.decisions(version, dataset):
                entries.append(chained(entries, event, version))
        uri = open_ledger(environment, BENCH.MODEL).uri
        write_deltalake(uri, pl.DataFrame([asdict(entry) for entry in entries], schema=SCHEMA))
        yield environment, BENCH.predict(environment, str(VERSIONS))


def grow(lake: Lake, record: DatasetRecord) -> DatasetRef:
    """Add a commit of each further day to a lake of one day; all days share that day's rows."""
    root = Path(lake.data_uri)
    first, commit = (
        str(BENCH.FIRST),
        (root / "_delta_log" / f"{1:020}.json").read_text(encoding="utf-8"),
    )
    [file] = (root / f"partition={first}").iterdir()
    digests = {first: lake.partitions()[first].digest}
    for number in range(1, PARTITIONS):
        day = str(BENCH.FIRST + timedelta(days=number))
        digests[day] = f"{number:064x}"
        (root / f"partition={day}").mkdir()
        os.link(file, root / f"partition={day}" / file.name)
        text = commit.replace(first, day).replace(digests[first], digests[day])
        text = text.replace('"at_version":"1"', f'"at_version":"{number + 1}"')
        (root / "_delta_log" / f"{number + 1:020}.json").write_text(text, encoding="utf-8")
    window = record.window.model_copy(
        update={"end": record.window.start + timedelta(days=PARTITIONS)}
    )
    return DatasetRef(
        model=lake.model,
        table=lake.data_uri,
        version=PARTITIONS,
        window=window,
        partitions=digests,
        rows=20 * PARTITIONS,
        quarantined=0,
        digest="",
    )


def chained(entries: list[Entry], event: LedgerEvent, version: int) -> Entry:
    """Return the next entry of a ledger's chain.

    Args:
        entries: The chain so far.
        event: The event to add.
        version: Number of the version.
    """
    time = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=len(entries))).isoformat(
        timespec="milliseconds"
    )
    entry = Entry(
        len(entries) + 1,
        event.entry_id(f"run-{version}"),
        time,
        event.kind,
        BENCH.MODEL,
        f"run-{version}",
        "bench",
        json.dumps(event.payload, sort_keys=True),
        entries[-1].hash if entries else "0" * 64,
        "",
    )
    return Entry(**{**asdict(entry), "hash": entry.expected_hash()})


def test_the_history_is_whole(history: tuple[Environment, str]) -> None:
    """The bulk tables are a lake and a ledger of that size for the project's own readers."""
    environment, _ = history
    assert len(open_lake(environment, BENCH.MODEL).partitions()) == PARTITIONS
    ledger = open_ledger(environment, BENCH.MODEL)
    assert ledger.first_broken_entry() is None
    assert len([entry for entry in ledger.entries() if entry.kind == "registration"]) == VERSIONS


def test_a_changed_ledger_is_no_evidence(environment: Environment) -> None:
    """A changed entry is named, and nothing is traced through the ledger."""
    entries: list[Entry] = []
    for version in (1, 2, 3):
        entries.append(chained(entries, Registration(version=str(version)), version))
    rows = [asdict(entry) for entry in entries]
    rows[1]["payload"] = rows[1]["payload"].replace("2", "7")
    write_deltalake(open_ledger(environment, BENCH.MODEL).uri, pl.DataFrame(rows, schema=SCHEMA))
    with pytest.raises(TerminalError, match="the ledger was changed") as error:
        trace(environment, f"{BENCH.MODEL}/1")
    assert "registration:2" in str(error.value)


def test_what_made_this_prediction_among_two_hundred_versions(
    history: tuple[Environment, str],
) -> None:
    """Exactly the newest version, its one dataset version and all of its thousand partitions, in a
    short tree.
    """
    environment, prediction = history
    answer = trace(environment, prediction)
    assert answer.versions() == [str(VERSIONS)]
    kinds = [node.kind for node in answer.nodes()]
    assert (kinds.count("partition"), kinds.count("dataset"), kinds.count("deployment")) == (
        PARTITIONS,
        1,
        1,
    )
    assert {node.run_id for node in answer.nodes()} == {f"run-{VERSIONS}", None}
    assert len(list(tree_lines(build_tree(answer)))) < 20


def test_which_models_used_a_partition_of_a_thousand(history: tuple[Environment, str]) -> None:
    """The first day was in every window, each of the last days in those of the versions since."""
    environment, _ = history
    everywhere = trace(environment, f"{BENCH.MODEL}/{BENCH.FIRST}").versions()
    assert everywhere == [str(version) for version in range(1, VERSIONS + 1)]
    late = BENCH.FIRST + timedelta(days=PARTITIONS - 3)
    answer = trace(environment, f"{BENCH.MODEL}/{late}")
    assert answer.versions() == [str(version) for version in range(VERSIONS - 2, VERSIONS + 1)]
    assert [node.kind for node in answer.nodes()].count("partition") == 1
