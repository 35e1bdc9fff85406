"""A version goes from staging to production, with an MLflow and a lake each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
from typer.testing import Result

from airworthy.bundle import BundleFiles
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.job import open_job
from airworthy.lake.lake import open_dataset_lake
from airworthy.ledger.events import (
    AliasMove,
    PromotionCompleted,
    PromotionReceived,
    PromotionStarted,
    Registration,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.monitoring.monitored_champion import load_champion
from airworthy.promotion import Place, read_place
from airworthy.promotion.request import PromotionRequest
from airworthy.registry.logged_models import model_files
from airworthy.registry.registry import open_registry
from airworthy.registry.stage_outputs import read_stage_outputs
from airworthy.release.approval_record import trigger_blockers
from airworthy.release.put_back import find_moved_aliases
from airworthy.traffic import ServedVersion

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..eventually import eventually  # noqa: TID252
from .conftest import DRIVER, GOOD, MODEL, WEAK, World


@pytest.fixture(scope="module")
def promoted(world: World) -> Result:
    """The result of the promotion of the good version to production."""
    return world.promote(GOOD, "production")


def digest_of(place: Place, version: str) -> str:
    """Return the digest of a version's files, read from its own MLflow."""
    with place.entered() as environment:
        folder, recorded = open_registry(environment).bundle(MODEL, version)
        found = BundleFiles.read(folder).digest
    assert found == recorded
    return found


def outputs_of(place: Place, version: str) -> dict[str, Any]:
    """Return what the stages said of a version."""
    with place.entered() as environment:
        return read_stage_outputs(open_registry(environment), MODEL, version)


def test_the_same_files_arrive_and_both_ledgers_name_each_other(
    world: World, promoted: Result
) -> None:
    """It waits for production's approval. Each ledger has the hash of the other one's entry."""
    assert promoted.exit_code == 4, f"{promoted.output}\n{promoted.exception!r}"
    digests = {digest_of(read_place(n, world.variables(n)), "1") for n in ("staging", "production")}
    assert len(digests) == 1
    sent, arrived = world.entries("staging"), world.entries("production")
    [started], [completed] = of_kind(sent, PromotionStarted), of_kind(sent, PromotionCompleted)
    [received] = of_kind(arrived, PromotionReceived)
    assert (received.event.from_entry, received.event.from_entry_hash) == (
        started.sequence,
        started.hash,
    )
    assert (completed.event.to_entry, completed.event.to_entry_hash) == (
        received.sequence,
        received.hash,
    )
    assert {started.event.bundle_digest, received.event.bundle_digest} == digests
    assert (received.event.trained_by, received.event.from_run) == (["ada"], DRIVER)
    assert "staging" in [entry.kind for entry in arrived]


def test_records_of_both_environments_agree(world: World, promoted: Result) -> None:
    """Doctor and verify find nothing."""
    assert promoted.exit_code == 4
    world.assert_whole("staging")
    world.assert_whole("production")


def test_lineage_in_production_reaches_the_data_of_staging(world: World, promoted: Result) -> None:
    """The same partitions, with the source they were read from, and the version of staging."""
    assert promoted.exit_code == 4
    graphs = [
        json.loads(world.run(name, "lineage", f"{MODEL}/1", "--json").stdout)
        for name in ("staging", "production")
    ]
    kinds = [{node["kind"] for node in graph["nodes"]} for graph in graphs]
    assert kinds[1] - kinds[0] >= {"origin"}
    data = [
        {
            node["id"]
            for node in graph["nodes"]
            if node["kind"] in ("source", "partition", "dataset")
        }
        for graph in graphs
    ]
    assert data[0] == data[1]
    assert len(data[0]) == 8 + 2
    assert (
        "origin: version small_model/1 of staging"
        in world.run("production", "lineage", f"{MODEL}/1").output
    )


def test_evidence_and_source_arrive_and_the_model_loads_by_mlflow(
    world: World, promoted: Result
) -> None:
    """The verdict of staging is kept beside production's own; the files name where they are from."""
    assert promoted.exit_code == 4
    with read_place("production", world.variables("production")).entered() as environment:
        [folder] = Path(environment.beside_lake(MODEL, "evidence")).glob("promotion-staging-1-*")
        record = json.loads((folder / "promotion.json").read_text())
        assert record["from"] == f"staging/{MODEL}/1"
        assert "verdict.json" in record["evidence_files"]
        own, origin = (
            json.loads((folder / name / "verdict.json").read_text()) for name in (".", "origin")
        )
        assert own["run_id"] != origin["run_id"]
        registry = open_registry(environment)
        run = registry.version(MODEL, "1").run_id
        kept = {file.path for file in registry.client.list_artifacts(run)}
        assert kept >= {"source", "promotion", "baseline.json", "verdict.json", "report.html"}
        loaded = mlflow.pyfunc.load_model(f"models:/{MODEL}/1")
        assert loaded.predict(loaded.input_example).shape[0] > 0
    assert "promoted from" in world.run("production", "show", f"{MODEL}/1").output


def test_the_monitor_has_the_rows_of_the_training(world: World, promoted: Result) -> None:
    """The reference of a promoted champion is the data that it was trained on in staging."""
    assert promoted.exit_code == 4
    place = read_place("production", world.variables("production"))
    outputs = outputs_of(place, "1")
    with place.entered() as environment:
        request = PromotionRequest(MODEL, "1", place, place, "ada", "airflow")
        dataset = DatasetRef.model_validate(outputs["dataset"])
        job = open_job(request.run(dataset.window.end, outputs["version"]["bundle_digest"]))
        champion = load_champion(job, ServedVersion("1", outputs["version"]["bundle_digest"]))
        assert champion.rows.scan(champion.training).collect().height > 1000
        lake = open_dataset_lake(environment, dataset)
        assert lake.scan(dataset).collect().height == dataset.rows


def test_whoever_trained_it_in_staging_cannot_approve_it_in_production(
    world: World, promoted: Result
) -> None:
    """Another person than the one who triggered the run means any run that made the version."""
    assert promoted.exit_code == 4
    entries = world.entries("production")
    assert trigger_blockers(entries, "any run", "1", {"ada"})
    assert not trigger_blockers(entries, "any run", "1", {"eve"})


def test_the_same_command_again_changes_nothing(world: World, promoted: Result) -> None:
    """No entry about the promotion is added, no version is made; it waits for the approval again."""
    assert promoted.exit_code == 4
    again = world.promote(GOOD, "production", "--no-release", "--json")
    assert again.exit_code == 0, f"{again.output}\n{again.exception!r}"
    told = json.loads(again.stdout.splitlines()[-1])
    assert (told["to_version"], told["validation_status"], told["release"]) == (
        "1",
        "approved",
        None,
    )
    kinds = [entry.kind for entry in world.entries("production")]
    assert [kinds.count(kind) for kind in ("registration", "verdict", "promotion_received")] == [
        1,
        1,
        1,
    ]
    assert [entry.kind for entry in world.entries("staging")].count("promotion_completed") == 1


def test_a_damaged_day_is_copied_again(world: World, promoted: Result) -> None:
    """The doctor names the command; it writes the day anew, and judges nothing again. Whoever has the
    dataset version from before reads the new file.
    """
    assert promoted.exit_code == 4
    before = len(world.entries("production"))
    file = min((world.folder / "production/lake").glob(f"{MODEL}/promoted/*/data/*/*.parquet"))
    file.write_bytes(file.read_bytes()[:-100])
    doctor = world.run("production", "doctor", MODEL, "--deep")
    assert f"airworthy promote {MODEL}/VERSION" in doctor.output
    assert world.promote(GOOD, "production", "--no-release").exit_code == 0
    world.assert_whole("production")
    assert len(world.entries("production")) == before
    place = read_place("production", world.variables("production"))
    dataset = DatasetRef.model_validate(outputs_of(place, "1")["dataset"])
    with place.entered() as environment:
        assert open_dataset_lake(environment, dataset).damaged(dataset) == []


def test_a_version_that_is_worse_than_the_champion_there_is_rejected(
    world: World, promoted: Result
) -> None:
    """Staging had no champion, so that its gates passed; production's champion is better."""
    assert promoted.exit_code == 4
    with read_place("production", world.variables("production")).entered() as environment:
        make_champion(environment, MODEL, "1")
    result = world.promote(WEAK, "production")
    assert result.exit_code == 3, f"{result.output}\n{result.exception!r}"
    assert "version 2 of production (rejected: rmse" in result.stdout
    assert [move.event.to for move in of_kind(world.entries("production"), AliasMove)] == ["1"]
    world.assert_whole("production")


def test_a_champion_goes_on_to_an_environment_with_the_same_mlflow(world: World) -> None:
    """It is champion at once if nobody is waited for. Both versions name one logged model, and
    the champion of one environment is no moved alias of the other.
    """
    for name in ("first", "second"):
        world.add(name, "shared")
    assert world.promote(GOOD, "first").exit_code == 0
    result = world.promote("@champion", "second", source="first")
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    assert "champion: yes" in result.stdout
    [received] = of_kind(world.entries("second"), PromotionReceived)
    assert (received.event.from_version, received.event.version) == ("1", "2")
    assert "ada" in received.event.trained_by
    with read_place("second", world.variables("second")).entered() as environment:
        registry = open_registry(environment)
        one, two = registry.versions(MODEL)
        assert (one.source, registry.champion(MODEL)) == (two.source, "2")
    with read_place("first", world.variables("first")).entered() as environment:
        assert find_moved_aliases(environment) == []
        assert model_files(open_registry(environment), MODEL) == []  # gc: the other one needs them
    world.assert_whole("first")
    world.assert_whole("second")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (GOOD, "release.dirty_trees of the environment strict is refuse"),
        ("9", "no files of version 9"),
    ],
)
def test_what_may_not_leave_or_not_enter_leaves_no_trace(
    world: World, version: str, words: str
) -> None:
    """Files that no commit has, where they are refused, and a version that nobody registered."""
    world.add("strict", dirty_trees="refuse")
    before = len(world.entries("staging"))
    result = world.promote(version, "strict")
    assert isinstance(result.exception, TerminalError), result.output
    assert words in str(result.exception)
    assert len(world.entries("staging")) == before
    assert world.entries("strict") == []


def rows_are_there(folder: Path) -> bool:
    """Return whether the first rows of a version have arrived."""
    return any((folder / "lake").glob(f"{MODEL}/promoted/*/data/*/*.parquet"))


def verdict_is_there(folder: Path) -> bool:
    """Return whether the version is judged, and not yet registered."""
    return any((folder / "lake").glob(f"{MODEL}/ledger/*.parquet"))


def test_a_promotion_that_was_killed_is_completed_by_the_same_command(world: World) -> None:
    """It is killed twice, at the rows and at the verdict. One version is registered in the end, and
    each ledger has one entry of each kind.
    """
    world.add("killed")
    folder = world.folder / "killed"
    for moment in (rows_are_there, verdict_is_there):
        kill_at(world.arguments(GOOD, "killed", "--no-release"), folder, moment)
    result = world.promote(GOOD, "killed", "--no-release")
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    entries = world.entries("killed")
    assert len(of_kind(entries, Registration)) == len(of_kind(entries, PromotionReceived)) == 1
    sent = of_kind(world.entries("staging"), PromotionCompleted)
    assert [entry.event.to_environment for entry in sent].count("killed") == 1
    with read_place("killed", world.variables("killed")).entered() as environment:
        assert [str(v.version) for v in open_registry(environment).versions(MODEL)] == ["1"]
    world.assert_whole("killed")


def kill_at(arguments: list[str], folder: Path, moment: Callable[[Path], bool]) -> None:
    """Run a command in a process of its own, and kill it at a moment."""
    command = [sys.executable, "-m", "airworthy", *arguments]
    process = subprocess.Popen(command, env=os.environ.copy(), stderr=subprocess.DEVNULL)
    try:
        eventually(moment.__name__, lambda: moment(folder) or process.poll() is not None)
    finally:
        process.kill()
        process.wait()
