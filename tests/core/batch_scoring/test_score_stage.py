"""Batch scoring on real tables and a real registry: every row once, by the run's first version."""

from __future__ import annotations

import json
import shutil
from datetime import date

import httpx
import orjson
import polars as pl
import pytest
from tests.core.batch_scoring.conftest import MODEL, OWN, ScoringEnvironment, request
from typer.testing import CliRunner

from airworthy.bundle import MODEL_FILE
from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import BatchScore, DatasetRef, Window
from airworthy.lake import open_lake
from airworthy.lineage.trace import trace
from airworthy.metrics.metric_files import metrics_folder
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage

from ..stages.conftest import COLUMNS, MakeModel, make_model, small_spec  # noqa: TID252 - tests are no installed package

__all__ = ["make_model"]


def scored(env: ScoringEnvironment, result: BatchScore) -> pl.DataFrame:
    """Return the table's rows of a result's window, by prediction id."""
    return env.table.scan(result.window).collect().sort("partition", "row")


def test_every_row_once_and_each_says_by_what(env: ScoringEnvironment) -> None:
    """Key, event time, prediction, exact version, digest of its files, time, run and an id are in
    every row.
    """
    env.write_spec({"window": "2d"})
    payload = env.inputs("2026-04-03", "first")
    result = env.score(payload=payload)
    rows = scored(env, result)
    dataset = DatasetRef.model_validate(payload["scoring_inputs"]["dataset"])
    given = open_lake(env.environment, MODEL).scan(dataset).collect()
    assert result.partitions == {"2026-04-01": "new", "2026-04-02": "new"}
    assert rows["key_delivery_id"].to_list() == given["delivery_id"].to_list()
    assert rows["event_time"].to_list() == given["picked_up_at"].to_list()
    assert rows["prediction"].is_finite().all()
    assert rows["id"].is_unique().all()
    assert rows["id"].to_list() == [
        f"{each}:{row}" for each, row in rows.select("request_id", "row").iter_rows()
    ]
    assert set(rows["model_version"]) == {"1"}
    assert set(rows["bundle_digest"]) == {env.registry.bundle(MODEL, "1")[1]}
    assert set(rows["run_id"]) == {"first"}
    assert rows["scored_at"].null_count() == 0
    assert (result.rows, result.rows_written, result.quarantined) == (rows.height, rows.height, 0)


def test_what_was_scored_is_neither_read_nor_written_again(env: ScoringEnvironment) -> None:
    """The same rows and the same version: no partition read, no commit, and the model's files are
    not opened.
    """
    first = env.score("2026-04-05", "first")
    again = env.inputs("2026-04-05", "again")
    folder, _ = env.registry.bundle(MODEL, "1")
    hidden = folder.with_name("hidden")
    folder.rename(hidden)
    try:
        second = env.score(payload=again)
    finally:
        hidden.rename(folder)
    assert again["scoring_inputs"]["dataset"]["partitions_read"] == 0
    assert second.partitions == {"2026-04-04": "unchanged"}
    assert (first.days_written, second.days_written) == (["2026-04-04"], [])
    assert (second.table_version, second.rows, second.rows_written) == (
        first.table_version,
        first.rows,
        0,
    )
    assert set(scored(env, second)["run_id"]) == {"first"}


def test_a_new_champion_and_restated_rows_replace_a_partition(env: ScoringEnvironment) -> None:
    """Each replacement is one commit with its reason, its run, and its predecessor."""
    env.write_spec(OWN)
    env.write_day("2026-04-06", seed=1)
    env.score("2026-04-07", "first")
    env.promote("2")
    by_second = env.score("2026-04-07", "second")
    env.write_spec(
        {**OWN, "source": OWN["source"] | {"rename": {"none": "none"}}}
    )  # otherwise made, so read again
    env.write_day("2026-04-06", seed=2, rows=40)
    restated = env.score("2026-04-07", "third")
    history = [record for record in env.table.history() if record.partition == "2026-04-06"]
    assert [record.cause for record in history] == ["new", "champion", "restated"]
    assert [record.run_id for record in history] == ["first", "second", "third"]
    assert [record.model_version for record in history] == ["1", "2", "2"]
    assert [record.previous_version for record in history] == ["", "1", "2"]
    assert history[2].previous_digest == history[1].input_digest != history[2].input_digest
    assert by_second.partitions == {"2026-04-06": "champion"}
    assert restated.partitions == {"2026-04-06": "restated"}
    assert scored(env, restated).height == restated.rows == 40


def test_a_champion_that_moves_in_the_middle_of_a_run_changes_nothing_of_it(
    env: ScoringEnvironment,
) -> None:
    """Every partition has the version of the run's start; of two runs, the one begun later stands."""
    env.write_spec({"window": "2d"})
    begun = env.inputs("2026-04-10", "begun")
    env.promote("2")
    assert set(scored(env, env.score(payload=begun))["model_version"]) == {"1"}
    later = env.score("2026-04-10", "later")
    assert set(later.partitions.values()) == {"champion"}
    repeated = env.score(payload=begun)
    assert set(repeated.partitions.values()) == {"superseded"}
    assert repeated.rows_written == 0
    assert set(scored(env, repeated)["model_version"]) == {"2"}


def test_predictions_are_the_servers(env: ScoringEnvironment) -> None:
    """The model server gives the very same numbers for the same rows."""
    env.write_spec(OWN)
    rows = env.write_day("2026-04-12", rows=60)
    mine = scored(env, env.score("2026-04-13")).sort("key_delivery_id")
    # A hand-typed field is text in the file, and a number to the model.
    requested = rows.sort("delivery_id").drop("delivery_id").cast({"distance_km": pl.Float64})
    body = orjson.dumps(
        {
            "dataframe_split": {
                "columns": requested.columns,
                "data": [list(row) for row in requested.rows()],
            }
        }
    )
    with running_server(env.environment) as server:
        headers = {"content-type": "application/json"}
        answer = httpx.post(
            f"{server.url}/models/{MODEL}/invocations",
            content=body,
            headers=headers,
            trust_env=False,
        )
    reply = answer.raise_for_status().json()
    assert reply["version"] == "1"
    assert mine["prediction"].to_list() == reply["predictions"]


def test_a_batch_prediction_is_explained_by_the_row_that_was_scored(
    env: ScoringEnvironment,
) -> None:
    """Also after its row was restated: the row is that of the lake's version at the scoring."""
    env.write_spec(OWN)
    env.write_day("2026-04-20", rows=5, seed=1)
    result = env.score("2026-04-21", "first")
    row = scored(env, result).row(3, named=True)
    env.write_day("2026-04-20", rows=5, seed=2)
    env.score("2026-04-21", "again")
    found = CliRunner().invoke(app, ["explain", row["id"], "--json"])
    assert found.exit_code == 0, found.output
    explanation = orjson.loads(found.stdout)
    assert explanation["is_same"]
    assert explanation["answer"]["value"] == row["prediction"] == explanation["recomputed"]
    assert explanation["answer"]["source"] == "batch"
    assert explanation["answer_of_sum"] == pytest.approx(row["prediction"], rel=1e-5)


def test_rows_that_cannot_be_scored_go_to_quarantine_with_the_reason(
    env: ScoringEnvironment,
) -> None:
    """A row unfit for the features costs itself alone; scored again without it, quarantine is
    empty.
    """
    env.write_spec(OWN)
    rows = env.write_day("2026-04-14", stops=300)
    result = env.score("2026-04-15", "bad")
    kept = env.table.quarantine().filter(pl.col("partition") == "2026-04-14")
    assert (result.rows, result.quarantined) == (rows.height - 1, 1)
    assert "cannot be computed" in kept["reason"][0]
    assert orjson.loads(kept["row"][0])["delivery_id"] == str(rows["delivery_id"][0])
    assert rows["delivery_id"][0] not in scored(env, result)["key_delivery_id"]
    env.write_spec({**OWN, "source": OWN["source"] | {"rename": {"none": "none"}}})
    env.write_day("2026-04-14")
    assert env.score("2026-04-15", "good").quarantined == 0
    assert env.table.quarantine().filter(pl.col("partition") == "2026-04-14").is_empty()


def test_too_many_rows_that_cannot_be_scored_stop_the_run(env: ScoringEnvironment) -> None:
    """Over ``ingest.max_bad_share`` nothing of the partition is written; the error has a next step."""
    env.write_spec(OWN)
    env.write_day("2026-04-16", rows=10, stops=300)
    with pytest.raises(
        TerminalError, match="too many rows of 2026-04-16 cannot be scored"
    ) as refused:
        env.score("2026-04-17")
    assert "max_bad_share" in str(refused.value)
    assert "2026-04-16" not in env.table.partitions()


def test_files_that_are_not_those_registered_score_nothing(env: ScoringEnvironment) -> None:
    """A changed model file is found before it is loaded."""
    folder, _ = env.registry.bundle(MODEL, "1")
    whole = folder / MODEL_FILE
    shutil.copyfile(whole, whole.with_suffix(".kept"))
    whole.write_bytes(whole.read_bytes() + b" ")
    try:
        with pytest.raises(TerminalError, match="not those that were registered"):
            env.score("2026-04-18")
    finally:
        whole.with_suffix(".kept").rename(whole)
    assert "2026-04-17" not in env.table.partitions()


def test_rows_without_what_the_champion_takes_are_refused_with_the_next_step(
    env: ScoringEnvironment,
) -> None:
    """A spec without a column of the champion's training names it, and asks for a new version."""
    columns = {name: kind for name, kind in COLUMNS.items() if name != "vehicle"}
    env.write_spec({}, ingest={**small_spec(MODEL)["ingest"], "columns": columns})
    with pytest.raises(TerminalError, match="takes columns that the rows do not have") as refused:
        env.score("2026-04-20")
    assert "vehicle" in str(refused.value.allowed)
    assert f"airworthy run {MODEL}" in str(refused.value.next_step)


def test_a_model_without_a_champion_is_not_scored(
    environment: Environment, make_model: MakeModel
) -> None:
    """The error has the next step, before any row is read."""
    model = make_model(score={})
    with pytest.raises(TerminalError, match="no champion") as nobody:
        run_stage("ingest_inputs", request("2026-04-22", "none"))
    assert nobody.value.next_step == f"train and release one: airworthy run {model}"
    assert open_lake(environment, model).partitions() == {}


def test_a_model_that_does_not_score_says_why(env: ScoringEnvironment) -> None:
    """Without a ``score`` part the error has the part to add."""
    env.write_spec(None)
    with pytest.raises(TerminalError, match="does not say that this model scores") as silent:
        env.inputs("2026-04-22")
    assert "score: {}" in str(silent.value.next_step)


def test_asking_for_what_a_model_does_not_do_is_no_failure_of_its_stages(
    env: ScoringEnvironment,
) -> None:
    """A command for the wrong model leaves no failed stage: nothing would ever make it good."""
    env.write_spec(None)
    counted = metrics_folder(env.environment) / f"stages_{MODEL}.prom"
    before = counted.read_bytes()
    refused = CliRunner().invoke(app, ["score", MODEL, "--as-of", "2026-04-22"])
    assert "score: {}" in str(refused.exception)
    assert counted.read_bytes() == before


def test_a_fault_of_the_source_is_told_of_the_key_that_was_written(env: ScoringEnvironment) -> None:
    """A fault in ``score.source`` is not reported as one in the source of training."""
    env.write_day("2026-04-23")
    env.write_spec({"source": {**OWN["source"], "derive": {"stops": "no SQL ("}}})
    with pytest.raises(TerminalError) as wrong:
        run_stage("ingest_inputs", request("2026-04-24", "none"))
    assert "score.source.derive" in str(wrong.value)
    assert "ingest.source" not in str(wrong.value)


def test_the_window_ends_at_as_of_and_begins_with_the_data(env: ScoringEnvironment) -> None:
    """Whole UTC days before `as_of`; days before the spec's first day are left out."""
    env.write_spec({"window": "3d"}, start=date(2026, 4, 24))
    result = env.score("2026-04-26")
    assert result.window == Window.model_validate(
        {"start": "2026-04-24T00:00:00Z", "end": "2026-04-26T00:00:00Z"}
    )
    assert list(result.partitions) == ["2026-04-24", "2026-04-25"]


def test_a_prediction_of_a_batch_is_traced_back_to_its_rows_and_its_training(
    env: ScoringEnvironment,
) -> None:
    """Its id alone is enough, also when another champion's has replaced it."""
    env.write_spec(OWN)
    env.write_day("2026-04-26")
    chosen = scored(env, env.score("2026-04-27", "first")).row(7, named=True)
    env.promote("2")
    env.score("2026-04-27", "second")
    answer = trace(env.environment, chosen["id"])
    scored_node = answer.graph.nodes[answer.roots[0]]
    assert (answer.kind, answer.versions(), scored_node.run_id, scored_node.version) == (
        "prediction",
        ["1"],
        "first",
        "1",
    )
    assert scored_node.facts["prediction"] == chosen["prediction"]
    assert scored_node.facts["key_delivery_id"] == chosen["key_delivery_id"]
    assert {"source", "partition", "dataset", "training", "version"} <= {
        node.kind for node in answer.nodes()
    }
    inputs = [answer.graph.nodes[node] for node in answer.graph.before(scored_node.id)]
    [day] = [node for node in inputs if node.kind == "partition"]
    assert (day.facts["partition"], day.facts["digest"]) == (
        "2026-04-26",
        scored_node.facts["input_digest"],
    )
    with pytest.raises(TerminalError, match="nothing is recorded"):
        trace(env.environment, f"{chosen['request_id']}:{10**6}")


def test_a_version_and_a_partition_lead_to_what_was_scored(env: ScoringEnvironment) -> None:
    """A version leads to all its batches; a day of the lake leads to its scored rows."""
    env.score("2026-04-29", "mine")
    [of_version] = [
        node for node in trace(env.environment, f"{MODEL}/1").nodes() if node.kind == "scored"
    ]
    assert "mine" in of_version.facts["runs"]
    assert "scored by version 1" in of_version.title
    day = trace(env.environment, f"{MODEL}/2026-04-28")
    assert [
        (node.kind, node.version) for node in day.nodes() if day.position(node.id) == "after"
    ] == [("scored", "1")]


def test_the_command_scores_and_says_what_it_did(env: ScoringEnvironment) -> None:
    """``airworthy score`` prints version, partitions, rows and their table; the second time, no
    work.
    """
    first, again = (
        CliRunner().invoke(app, ["score", MODEL, "--as-of", "2026-04-30", *option])
        for option in ((), ("--json",))
    )
    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert "version: 1 (bundle " in first.stdout
    assert "partitions [2026-04-29, 2026-04-30): 1 new" in first.stdout
    assert env.table.uri in first.stdout
    told = json.loads(again.stdout)
    assert list(told["partitions"].values()) == ["unchanged"]
    assert (told["version"], told["rows_written"]) == ("1", 0)
