"""Batch scoring on real tables and a real registry: every row once, by the version that the run began with."""

from __future__ import annotations

import shutil
from datetime import date

import httpx
import orjson
import polars as pl
import pytest
from tests.core.batch_scoring.conftest import MODEL, OWN, House, request
from typer.testing import CliRunner

from airworthy.bundle import MODEL_FILE
from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.handover import BatchScore, DatasetRef, Window
from airworthy.lake import open_lake
from airworthy.lineage.trace import trace
from airworthy.metrics.metric_files import metrics_folder
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage

from ..stages.conftest import COLUMNS, small_spec  # noqa: TID252 - tests are no installed package


def scored(house: House, result: BatchScore) -> pl.DataFrame:
    """Return what the table holds of a result's window, by prediction id."""
    return house.table.scan(result.window).collect().sort("partition", "row")


def test_every_row_once_and_each_says_by_what(house: House) -> None:
    """Key, event time, prediction, exact version, digest of its files, time, run and an id are in every row."""
    house.says({"window": "2d"})
    payload = house.inputs("2026-04-03", "first")
    result = house.score(payload=payload)
    rows = scored(house, result)
    dataset = DatasetRef.model_validate(payload["scoring_inputs"]["dataset"])
    given = open_lake(house.environment, MODEL).scan(dataset).collect()
    assert result.partitions == {"2026-04-01": "new", "2026-04-02": "new"}
    assert rows["key_delivery_id"].to_list() == given["delivery_id"].to_list()
    assert rows["event_time"].to_list() == given["picked_up_at"].to_list()
    assert rows["prediction"].is_finite().all()
    assert rows["id"].is_unique().all()
    assert rows["id"].to_list() == [
        f"{each}:{row}" for each, row in rows.select("request_id", "row").iter_rows()
    ]
    assert set(rows["model_version"]) == {"1"}
    assert set(rows["bundle_digest"]) == {house.registry.bundle(MODEL, "1")[1]}
    assert set(rows["run_id"]) == {"first"}
    assert rows["scored_at"].null_count() == 0
    assert (result.rows, result.rows_written, result.quarantined) == (rows.height, rows.height, 0)


def test_what_was_scored_is_neither_read_nor_written_again(house: House) -> None:
    """The same rows and the same version: no partition read, no commit, and the model's files are not opened."""
    first = house.score("2026-04-05", "first")
    again = house.inputs("2026-04-05", "again")
    folder, _ = house.registry.bundle(MODEL, "1")
    hidden = folder.with_name("hidden")
    folder.rename(hidden)
    try:
        second = house.score(payload=again)
    finally:
        hidden.rename(folder)
    assert again["scoring_inputs"]["dataset"]["partitions_read"] == 0
    assert second.partitions == {"2026-04-04": "unchanged"}
    assert (second.table_version, second.rows, second.rows_written) == (
        first.table_version,
        first.rows,
        0,
    )
    assert set(scored(house, second)["run_id"]) == {"first"}


def test_a_new_champion_and_restated_rows_replace_a_partition(house: House) -> None:
    """Each replacement is one commit that says why, by which run, and what it replaced."""
    house.says(OWN)
    house.put("2026-04-06", seed=1)
    house.score("2026-04-07", "first")
    house.crown("2")
    by_second = house.score("2026-04-07", "second")
    house.says(
        {**OWN, "source": OWN["source"] | {"rename": {"none": "none"}}}
    )  # otherwise made, so read again
    house.put("2026-04-06", seed=2, rows=40)
    restated = house.score("2026-04-07", "third")
    history = [record for record in house.table.history() if record.partition == "2026-04-06"]
    assert [record.cause for record in history] == ["new", "champion", "restated"]
    assert [record.run_id for record in history] == ["first", "second", "third"]
    assert [record.model_version for record in history] == ["1", "2", "2"]
    assert [record.previous_version for record in history] == ["", "1", "2"]
    assert history[2].previous_digest == history[1].input_digest != history[2].input_digest
    assert by_second.partitions == {"2026-04-06": "champion"}
    assert restated.partitions == {"2026-04-06": "restated"}
    assert scored(house, restated).height == restated.rows == 40


def test_a_champion_that_moves_in_the_middle_of_a_run_changes_nothing_of_it(house: House) -> None:
    """Every partition has the version that the run began with; of two runs, the one that began later stands."""
    house.says({"window": "2d"})
    begun = house.inputs("2026-04-10", "begun")
    house.crown("2")
    assert set(scored(house, house.score(payload=begun))["model_version"]) == {"1"}
    later = house.score("2026-04-10", "later")
    assert set(later.partitions.values()) == {"champion"}
    repeated = house.score(payload=begun)
    assert set(repeated.partitions.values()) == {"superseded"}
    assert repeated.rows_written == 0
    assert set(scored(house, repeated)["model_version"]) == {"2"}


def test_predictions_are_the_servers(house: House) -> None:
    """The model server gives the very same numbers for the same rows."""
    house.says(OWN)
    rows = house.put("2026-04-12", rows=60)
    mine = scored(house, house.score("2026-04-13")).sort("key_delivery_id")
    # A hand-typed field is text in the file, and a number to the model.
    asked = rows.sort("delivery_id").drop("delivery_id").cast({"distance_km": pl.Float64})
    body = orjson.dumps(
        {"dataframe_split": {"columns": asked.columns, "data": [list(row) for row in asked.rows()]}}
    )
    with running_server(house.environment) as server:
        headers = {"content-type": "application/json"}
        answer = httpx.post(
            f"{server.url}/models/{MODEL}/invocations",
            content=body,
            headers=headers,
            trust_env=False,
        )
    told = answer.raise_for_status().json()
    assert told["version"] == "1"
    assert mine["prediction"].to_list() == told["predictions"]


def test_rows_that_cannot_be_scored_go_to_quarantine_with_the_reason(house: House) -> None:
    """One row that the features cannot take costs that row alone; scored again without it, quarantine is empty."""
    house.says(OWN)
    rows = house.put("2026-04-14", stops=300)
    result = house.score("2026-04-15", "bad")
    kept = house.table.quarantine().filter(pl.col("partition") == "2026-04-14")
    assert (result.rows, result.quarantined) == (rows.height - 1, 1)
    assert "cannot be computed" in kept["reason"][0]
    assert orjson.loads(kept["row"][0])["delivery_id"] == str(rows["delivery_id"][0])
    assert rows["delivery_id"][0] not in scored(house, result)["key_delivery_id"]
    house.says({**OWN, "source": OWN["source"] | {"rename": {"none": "none"}}})
    house.put("2026-04-14")
    assert house.score("2026-04-15", "good").quarantined == 0
    assert house.table.quarantine().filter(pl.col("partition") == "2026-04-14").is_empty()


def test_too_many_rows_that_cannot_be_scored_stop_the_run(house: House) -> None:
    """Over ``ingest.max_bad_share`` nothing of the partition is written; the error shows a reason and what to do."""
    house.says(OWN)
    house.put("2026-04-16", rows=10, stops=300)
    with pytest.raises(
        TerminalError, match="too many rows of 2026-04-16 cannot be scored"
    ) as refused:
        house.score("2026-04-17")
    assert "max_bad_share" in str(refused.value)
    assert "2026-04-16" not in house.table.partitions()


def test_files_that_are_not_those_registered_score_nothing(house: House) -> None:
    """A changed model file is found before it is loaded."""
    folder, _ = house.registry.bundle(MODEL, "1")
    whole = folder / MODEL_FILE
    shutil.copyfile(whole, whole.with_suffix(".kept"))
    whole.write_bytes(whole.read_bytes() + b" ")
    try:
        with pytest.raises(TerminalError, match="not those that were registered"):
            house.score("2026-04-18")
    finally:
        whole.with_suffix(".kept").rename(whole)
    assert "2026-04-17" not in house.table.partitions()


def test_rows_without_what_the_champion_takes_are_refused_with_the_next_step(house: House) -> None:
    """A spec that dropped a column which the champion was trained with says so, and that a new version is needed."""
    columns = {name: kind for name, kind in COLUMNS.items() if name != "vehicle"}
    house.says({}, ingest={**small_spec(MODEL)["ingest"], "columns": columns})
    with pytest.raises(TerminalError, match="takes columns that the rows do not have") as refused:
        house.score("2026-04-20")
    assert "vehicle" in str(refused.value.allowed)
    assert f"airworthy run {MODEL}" in str(refused.value.next_step)


def test_a_model_that_cannot_be_scored_says_why(house: House) -> None:
    """Without a champion, or a ``score`` part, the next step is told before anything is read."""
    house.registry.client.delete_registered_model_alias(MODEL, "champion")
    try:
        with pytest.raises(TerminalError, match="no champion") as nobody:
            house.inputs("2026-04-22")
    finally:
        house.crown("1")
    assert nobody.value.next_step == f"train and release one: airworthy run {MODEL}"
    assert "2026-04-21" not in open_lake(house.environment, MODEL).partitions()
    house.says(None)
    with pytest.raises(TerminalError, match="does not say that this model scores") as silent:
        house.inputs("2026-04-22")
    assert "score: {}" in str(silent.value.next_step)


def test_asking_for_what_a_model_does_not_do_is_no_failure_of_its_stages(house: House) -> None:
    """A command given for the wrong model leaves no failed stage, which nothing would ever make good."""
    house.says(None)
    counted = metrics_folder(house.environment) / f"stages_{MODEL}.prom"
    before = counted.read_bytes()
    refused = CliRunner().invoke(app, ["score", MODEL, "--as-of", "2026-04-22"])
    assert "score: {}" in str(refused.exception)
    assert counted.read_bytes() == before


def test_a_fault_of_the_source_is_told_of_the_key_that_was_written(house: House) -> None:
    """What is wrong in ``score.source`` is not said of the source of training."""
    house.put("2026-04-23")
    house.says({"source": {**OWN["source"], "derive": {"stops": "no SQL ("}}})
    with pytest.raises(TerminalError) as wrong:
        run_stage("ingest_inputs", request("2026-04-24", "none"))
    assert "score.source.derive" in str(wrong.value)
    assert "ingest.source" not in str(wrong.value)


def test_the_window_ends_at_as_of_and_begins_with_the_data(house: House) -> None:
    """Whole UTC days before `as_of`; what lies before the spec's first day is left out."""
    house.says({"window": "3d"}, start=date(2026, 4, 24))
    result = house.score("2026-04-26")
    assert result.window == Window.model_validate(
        {"start": "2026-04-24T00:00:00Z", "end": "2026-04-26T00:00:00Z"}
    )
    assert list(result.partitions) == ["2026-04-24", "2026-04-25"]


def test_a_prediction_of_a_batch_is_traced_back_to_its_rows_and_its_training(house: House) -> None:
    """Its id alone is enough, also when another champion's has replaced it."""
    house.says(OWN)
    house.put("2026-04-26")
    chosen = scored(house, house.score("2026-04-27", "first")).row(7, named=True)
    house.crown("2")
    house.score("2026-04-27", "second")
    answer = trace(house.environment, chosen["id"])
    made = answer.graph.nodes[answer.roots[0]]
    assert (answer.kind, answer.versions(), made.run_id, made.version) == (
        "prediction",
        ["1"],
        "first",
        "1",
    )
    assert made.facts["prediction"] == chosen["prediction"]
    assert made.facts["key_delivery_id"] == chosen["key_delivery_id"]
    assert {"source", "partition", "dataset", "training", "version"} <= {
        node.kind for node in answer.nodes()
    }
    inputs = [answer.graph.nodes[node] for node in answer.graph.before(made.id)]
    [day] = [node for node in inputs if node.kind == "partition"]
    assert (day.facts["partition"], day.facts["digest"]) == (
        "2026-04-26",
        made.facts["input_digest"],
    )
    with pytest.raises(TerminalError, match="nothing is recorded"):
        trace(house.environment, f"{chosen['request_id']}:{10**6}")


def test_a_version_and_a_partition_lead_to_what_was_scored(house: House) -> None:
    """From a version, all that it scored in batches; from a day of the lake, what was scored of it."""
    house.score("2026-04-29", "mine")
    [of_version] = [
        node for node in trace(house.environment, f"{MODEL}/1").nodes() if node.kind == "scored"
    ]
    assert "mine" in of_version.facts["runs"]
    assert "scored by version 1" in of_version.title
    day = trace(house.environment, f"{MODEL}/2026-04-28")
    assert [(node.kind, node.version) for node in day.nodes() if day.place(node.id) == "after"] == [
        ("scored", "1")
    ]


def test_the_command_scores_and_says_what_it_did(house: House) -> None:
    """``airworthy score`` prints version, partitions, rows and where they are; asked again, that nothing was to do."""
    first, again = (
        CliRunner().invoke(app, ["score", MODEL, "--as-of", "2026-04-30"]) for _ in range(2)
    )
    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert "version: 1 (bundle " in first.stdout
    assert "partitions [2026-04-29, 2026-04-30): 1 new" in first.stdout
    assert house.table.uri in first.stdout
    assert "1 unchanged" in again.stdout
    assert "scored, 0 of them now" in again.stdout
