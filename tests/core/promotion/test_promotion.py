"""A version goes from staging to production, with an MLflow and a lake each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
from click.testing import Result

from airworthy.bundle import BundleFiles
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
from airworthy.registry.registry import open_registry
from airworthy.registry.stage_outputs import read_stage_outputs
from airworthy.release.approval_record import trigger_blockers
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
    assert [entry.kind for entry in arrived][-1] == "staging"


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


def test_a_version_that_is_worse_than_the_champion_there_is_rejected(
    world: World, promoted: Result
) -> None:
    """Staging had no champion, so that its gates passed; production's champion is better."""
    assert promoted.exit_code == 4
    world.add("better")
    assert world.promote(GOOD, "better").exit_code == 0
    result = world.promote(WEAK, "better")
    assert (result.exit_code, "rejected" in result.stdout, "rmse" in result.stdout) == (
        3,
        True,
        True,
    ), result.output
    assert [move.event.to for move in of_kind(world.entries("better"), AliasMove)] == ["1"]
    world.assert_whole("better")


def test_a_released_version_goes_on_to_a_third_environment(world: World) -> None:
    """Where nobody is waited for it is champion at once, and its origin is told over both steps."""
    world.add("first")
    world.add("second")
    assert world.promote(GOOD, "first").exit_code == 0
    result = world.promote("1", "second", source="first")
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    assert "champion: yes" in result.stdout
    [received] = of_kind(world.entries("second"), PromotionReceived)
    assert "ada" in received.event.trained_by
    world.assert_whole("first")
    world.assert_whole("second")


def test_environments_with_one_mlflow_have_a_version_each(world: World) -> None:
    """Both name the same logged model; the champion of one is no moved alias of the other."""
    for name in ("here", "there"):
        world.add(name, "shared")
    assert world.promote(GOOD, "here").exit_code == 0
    result = world.promote("1", "there", source="here")
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    with read_place("there", world.variables("there")).entered() as environment:
        registry = open_registry(environment)
        one, two = registry.versions(MODEL)
        assert (one.source, [one.version, two.version]) == (two.source, ["1", "2"])
        assert registry.champion(MODEL) == "2"
    world.assert_whole("here")
    world.assert_whole("there")


def rows_are_there(folder: Path) -> bool:
    """Return whether the first rows of a version have arrived."""
    return any((folder / "lake").glob(f"{MODEL}/promoted/*/data/*/*.parquet"))


def verdict_is_there(folder: Path) -> bool:
    """Return whether the version is judged, and not yet registered."""
    return any((folder / "lake").glob(f"{MODEL}/ledger/*.parquet"))


@pytest.mark.parametrize("moment", [rows_are_there, verdict_is_there])
def test_a_killed_promotion_is_completed_by_the_same_command(
    world: World, moment: Callable[[Path], bool]
) -> None:
    """Whatever there was, one version is registered, and each ledger has one entry of each kind."""
    name = moment.__name__.replace("_", "-")
    world.add(name)
    command = [sys.executable, "-m", "airworthy", *world.arguments(GOOD, name, "--no-release")]
    process = subprocess.Popen(command, env=os.environ.copy(), stderr=subprocess.DEVNULL)
    try:
        eventually(
            moment.__name__, lambda: moment(world.folder / name) or process.poll() is not None
        )
    finally:
        process.kill()
        process.wait()
    result = world.promote(GOOD, name, "--no-release")
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    entries = world.entries(name)
    assert len(of_kind(entries, Registration)) == len(of_kind(entries, PromotionReceived)) == 1
    sent = of_kind(world.entries("staging"), PromotionCompleted)
    assert [entry.event.to_environment for entry in sent].count(name) == 1
    with read_place(name, world.variables(name)).entered() as environment:
        assert [each.version for each in open_registry(environment).versions(MODEL)] == ["1"]
    world.assert_whole(name)


def test_a_damaged_day_is_copied_again(world: World) -> None:
    """The doctor names the command; it writes the day anew, and nothing else."""
    world.add("damaged")
    assert world.promote(GOOD, "damaged", "--no-release").exit_code == 0
    [file, *_] = sorted(
        (world.folder / "damaged/lake").glob(f"{MODEL}/promoted/*/data/*/*.parquet")
    )
    file.write_bytes(file.read_bytes()[:-100])
    doctor = world.run("damaged", "doctor", MODEL, "--deep")
    assert f"airworthy promote {MODEL}/VERSION" in doctor.output
    assert world.promote(GOOD, "damaged", "--no-release").exit_code == 0
    world.assert_whole("damaged")


def test_a_champion_of_staging_is_named_by_its_alias(world: World) -> None:
    """`MODEL@champion` is the champion of the environment that it is from."""
    world.add("aliased")
    world.add("onward")
    assert world.promote(GOOD, "aliased", "--no-release").exit_code == 0
    with read_place("aliased", world.variables("aliased")).entered() as environment:
        make_champion(environment, MODEL, "1")
    arguments = world.arguments("1", "onward", "--no-release", source="aliased")
    arguments[1] = f"{MODEL}@champion"
    from typer.testing import CliRunner

    from airworthy.cli.main import app

    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert datetime.fromisoformat(world.entries("onward")[-1].time) < datetime.now(UTC)
