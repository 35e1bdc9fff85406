"""Rows become predictions by the serving code, in pieces of any size; nothing is scored twice."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xgboost
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airworthy.batch_scoring.predict import NOT_FINITE, predict
from airworthy.batch_scoring.score_rows import prediction_rows, quarantined_rows
from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.bundle import Manifest, ModelBundle, bundle_digest
from airworthy.features import FeatureSet, fit_features, polars_schema
from airworthy.handover import Window
from airworthy.lake import delta
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.release.server_client import split_body
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.spec.evaluate_part import Task
from airworthy.spec.ingest_part import PARTITION

from ..lake.conftest import environment_below  # noqa: TID252 - tests are no installed package
from ..serving.conftest import FolderRegistry, make_rows  # noqa: TID252

TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass")
KEPT = [pl.col("note").alias("key_note")]


@pytest.fixture(scope="module")
def bundles(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], tuple[ModelBundle, LoadedModel]]:
    """Return a task's bundle, and the same version as the model server has it."""
    registry = FolderRegistry(tmp_path_factory.mktemp("bundles"))
    bundles_by_task = {str(task): registry.add(task, "1", task) for task in TASKS}

    def of(task: str) -> tuple[ModelBundle, LoadedModel]:
        folder, digest = registry.bundle(task, "1")
        assert digest == bundle_digest(folder)
        return bundles_by_task[task], LoadedModel.load(task, "1", folder, digest)

    return of


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_answered_as_the_server_answers(
    bundles: Callable[[str], Any], task: str
) -> None:
    """The server's numbers to the last bit; of several classes also their probabilities and the
    most probable one.
    """
    bundle, served = bundles(task)
    rows = make_rows(200, seed=4)
    answers = served.predict(split_body(rows), Limits())
    scored_rows = predict(bundle, rows, KEPT, 0).rows
    assert scored_rows["key_note"].equals(rows["note"].alias("key_note"))
    if task != "multiclass":
        assert scored_rows["prediction"].to_list() == answers
        assert (
            scored_rows["probabilities"].null_count()
            == scored_rows["predicted_class"].null_count()
            == rows.height
        )
        return
    best = [each.index(max(each)) for each in answers]
    assert scored_rows["probabilities"].to_list() == answers
    assert scored_rows["prediction"].to_list() == best
    assert scored_rows["predicted_class"].to_list() == [
        bundle.manifest.classes[code] for code in best
    ]


@pytest.fixture(scope="module")
def brittle() -> ModelBundle:
    """A bundle with features that fail on a negative number, and with infinite trees from 500 on."""
    expressions = {"x": pl.col("x").cast(pl.UInt32).cast(pl.Float64)}
    rows = pl.DataFrame({"x": [0, 1, 499, 500]}, schema=polars_schema({"x": "int"}))
    features = FeatureSet(
        expressions, fit_features(expressions, {"x": pl.Float64()}, [rows.lazy()])
    )
    data = xgboost.DMatrix(features.matrix(rows), [0.0, 0.0, 0.0, 100.0])
    grown = xgboost.train(
        {"max_depth": 1, "min_child_weight": 0, "learning_rate": 1.0, "lambda": 0}, data, 2
    )
    model = json.loads(bytes(grown.save_raw("json")))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        # Where a node is a leaf, its value stands in place of the split.
        tree["split_conditions"][-1] = 3e38
    booster = xgboost.Booster(model_file=bytearray(json.dumps(model).encode()))
    manifest = Manifest(
        model="brittle", task="regression", inputs={"x": "int"}, features=features.features
    )
    return ModelBundle(manifest, features, booster)


@settings(max_examples=40)
@given(st.lists(st.integers(-3, 1000), min_size=1, max_size=40), st.integers(1, 40))
@example([499, 500, -1, 0], 2)
def test_however_rows_are_cut_each_has_the_same_answer_or_the_same_reason(
    brittle: ModelBundle, values: list[int], size: int
) -> None:
    """Bad rows cost themselves alone, in any company; scored rows keep their order."""
    frame = pl.DataFrame({"x": values}, schema=polars_schema({"x": "int"}))
    whole = predict(brittle, frame, [pl.col("x")], frame.height)
    parts = [
        predict(brittle, piece, [pl.col("x")], piece.height) for piece in frame.iter_slices(size)
    ]
    assert pl.concat([part.rows for part in parts]).equals(whole.rows)
    assert pl.concat([part.unscorable for part in parts]).equals(whole.unscorable)
    assert whole.rows["x"].to_list() == [value for value in values if 0 <= value < 500]
    reasons = {json.loads(row)["x"]: reason for reason, row in whole.unscorable.iter_rows()}
    assert sorted(map(int, reasons)) == sorted({value for value in values if not 0 <= value < 500})
    assert all((reason == NOT_FINITE) == (int(value) >= 500) for value, reason in reasons.items())


def test_a_batch_that_fails_as_a_whole_is_given_up_early(brittle: ModelBundle) -> None:
    """After more failed rows than allowed, the others are not tried one by one."""
    frame = pl.DataFrame({"x": [-1] * 4000}, schema=polars_schema({"x": "int"}))
    assert predict(brittle, frame, [pl.col("x")], 5).unscorable.height == 6


def record(day: str, version: str, digest: str, at: datetime) -> ScoredPartition:
    """Return a partition's record.

    Args:
        day: The day.
        version: The version.
        digest: Of the scored rows.
        at: The time of the run.
    """
    return ScoredPartition(
        partition=day,
        model_version=version,
        bundle_digest="b" + version,
        input_table="t",
        input_version=1,
        input_digest=digest,
        rows=1,
        quarantined=0,
        request_id=new_request_id(),
        scored_at=at,
        resolved_at=at,
        run_id=at.isoformat(),
        dag_id=None,
        requested_by="ada",
        git_commit="g",
    )


Run = tuple[str, str, str]
RUNS = st.lists(st.tuples(*(st.sampled_from(("1", "2")) for _ in range(3))), min_size=1, max_size=5)


@settings(max_examples=12)
@given(RUNS)
def test_whatever_runs_follow_each_other_the_table_has_the_last_ones_rows_once(
    runs: list[Run],
) -> None:
    """A repeated run commits nothing; a day has the rows of the newest version and content."""
    with tempfile.TemporaryDirectory() as folder:
        table = BatchPredictions(environment_below(Path(folder)), "m")
        begun, expected = datetime(2026, 1, 1, tzinfo=UTC), {}
        for minute, (day, version, digest) in enumerate(runs):
            for _ in range(2):
                new = record(f"2026-01-0{day}", version, digest, begun + timedelta(minutes=minute))
                committed = len(table.history())
                written = table.replace(*rows_of(new), new)
                wrote = len(table.history()) - committed
                assert wrote == (written.request_id == new.request_id)
            assert wrote == 0
            assert written.is_same_scoring(new)
            expected[new.partition] = written.request_id
        rows = table.scan(Window(start=begun, end=begun + timedelta(days=2))).collect()
        assert dict(rows.select("partition", "request_id").iter_rows()) == expected
        assert rows.height == len(expected)


def test_what_a_killed_run_left_in_quarantine_is_replaced_by_whatever_comes_next(
    tmp_path: Path,
) -> None:
    """Rows in quarantine without a prediction after them: a run without bad rows leaves none."""
    table, at = BatchPredictions(environment_below(tmp_path), "m"), datetime(2026, 1, 1, tzinfo=UTC)
    killed, next_one = (
        record("2026-01-01", "1", "d", at),
        record("2026-01-01", "2", "d", at + timedelta(minutes=1)),
    )
    bad = quarantined_rows(pl.DataFrame({"reason": ["no number"], "row": ["{}"]}), killed)
    kept = {**bad.schema, PARTITION: pl.String()}
    delta.replace_partition(delta.open_or_create(table.quarantine_uri, kept), bad, "2026-01-01", {})
    assert table.quarantine().height == 1
    table.replace(*rows_of(next_one), next_one)
    assert table.quarantine().is_empty()


def test_of_runs_at_once_the_one_that_began_last_stands(tmp_path: Path) -> None:
    """Each commit knows its predecessor, however many write one day at the same time."""
    table, at = BatchPredictions(environment_below(tmp_path), "m"), datetime(2026, 1, 1, tzinfo=UTC)
    runs = [
        record("2026-01-01", str(number), "d", at + timedelta(minutes=number))
        for number in range(1, 9)
    ]
    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(lambda run: table.replace(*rows_of(run), run), runs))
    history = table.history()
    assert [each.previous_version for each in history] == [
        "",
        *(each.model_version for each in history[:-1]),
    ]
    assert [each.resolved_at for each in history] == sorted(each.resolved_at for each in history)
    assert history[-1].model_version == "8"


def rows_of(scored: ScoredPartition) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return one row's prediction, and none in quarantine, as the stage would make them."""
    beside = {"event_time": scored.scored_at, "key_id": 1, "prediction": 0.5, "probabilities": None}
    predicted = pl.DataFrame([{**beside, "predicted_class": None}])
    none = pl.DataFrame(schema={"reason": pl.String, "row": pl.String})
    return prediction_rows(predicted, scored), quarantined_rows(none, scored)
