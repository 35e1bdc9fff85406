"""Spool to lake: typed, once, for all of a model's declared schemas."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pytest
import yaml
from deltalake import DeltaTable
from tests.core.predictions.conftest import INPUTS, ROW, Record, body_of, in_lake, manifest

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.predictions.collect import collect
from airworthy.predictions.log_tables import table_uri
from airworthy.predictions.prediction_ids import creation_time
from airworthy.predictions.segments import segments_in
from airworthy.predictions.spool import PredictionLog, spool_folder


def test_every_row_is_there_typed_as_the_version_declared(
    environment: Environment, record: Record
) -> None:
    """A request's rows have its id, the version, the arm, the key, the time, every input in its
    type, the answer.
    """
    rows = [
        ROW,
        {
            **ROW,
            "stops": 4.0,
            "city": None,
            "at": "2026-03-01T09:30:00+01:00",
            "unknown": "ignored",
        },
    ]
    ids = record(body=body_of(rows), predictions=[1.5, 2], version="7", arm="challenger")
    done = collect(environment, "eta")
    assert (done.predictions, done.labels) == (2, 0)
    frame = in_lake(environment).sort("row")
    assert frame["id"].to_list() == ids
    assert frame["request_id"].unique().to_list() == [ids[0].split(":")[0]]
    created = creation_time(ids[0].split(":")[0])
    assert created is not None
    assert all(0 <= (time - created).total_seconds() < 60 for time in frame["time"])
    assert frame["day"].to_list() == [time.strftime("%Y-%m-%d") for time in frame["time"]]
    assert frame["model_version"].to_list() == ["7", "7"]
    assert frame["arm"].to_list() == ["challenger"] * 2
    assert frame["targeting_key"].to_list() == ["someone"] * 2
    assert frame["prediction"].to_list() == [1.5, 2.0]
    assert frame["unread_body"].null_count() == 2
    inputs = frame.select(pl.col("^input_.*$").name.map(lambda name: name.removeprefix("input_")))
    expected = pl.DataFrame(
        {
            "at": [datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 1, 8, 30, tzinfo=UTC)],
            "distance": [2.5, 2.5],
            "stops": [3, 4],
            "city": ["Oslo", None],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    assert inputs.select(expected.columns).equals(expected)


def test_what_a_multiclass_model_answers_has_columns_of_its_own(
    environment: Environment, record: Record
) -> None:
    """The classes' probabilities, the most probable class, and its code."""
    record(rows=2, predictions=[[0.25, 0.75], [0.5, None]], described=manifest("multiclass"))
    collect(environment, "eta")
    frame = in_lake(environment).sort("row")
    assert frame["probabilities"].to_list() == [[0.25, 0.75], [0.5, None]]
    assert frame["predicted_class"].to_list() == ["late", None]
    assert frame["prediction"].to_list() == [1.0, None]


def test_versions_with_other_columns_lose_no_row(environment: Environment, record: Record) -> None:
    """A new, dropped or retyped column is null in other rows; each value keeps its type."""
    record(version="1")
    collect(environment, "eta")
    other = {"at": "datetime", "stops": "float", "weather": "category"}
    body = body_of([{"at": ROW["at"], "stops": 3.5, "weather": "rain"}])
    record(version="2", body=body, described=manifest(inputs=other))
    record(version="1")
    assert collect(environment, "eta").predictions == 2
    frame = in_lake(environment).sort("model_version")
    assert frame["model_version"].to_list() == ["1", "1", "2"]
    assert frame["input_stops"].to_list() == [3, 3, None]
    assert frame["input_stops__float"].to_list() == [None, None, 3.5]
    assert frame["input_weather"].to_list() == [None, None, "rain"]
    assert frame["input_city"].to_list() == ["Oslo", "Oslo", None]
    assert frame.schema["input_stops"] == pl.Int64


def test_a_request_that_cannot_be_read_is_kept_as_it_came(
    environment: Environment, record: Record
) -> None:
    """Whatever a version answered to is there: its body as text where it is not the version's
    inputs.
    """
    bad = json.dumps({"dataframe_records": [{"at": "yesterday"}]}).encode()
    record(body=bad)
    record(body=body_of([ROW]), predictions=[1.0, 2.0])
    record()
    assert collect(environment, "eta").predictions == 4
    frame = in_lake(environment)
    assert sorted(frame["unread_body"].drop_nulls().unique()) == sorted(
        [bad.decode(), body_of([ROW]).decode()]
    )
    assert frame.filter(pl.col("unread_body").is_null())["input_city"].to_list() == ["Oslo"]


def test_columns_may_be_called_like_those_of_the_log(
    environment: Environment, record: Record
) -> None:
    """An input named `id`, `day` or `prediction` meets nothing of the log's own."""
    inputs = {"time": "datetime", "id": "int", "day": "string", "prediction": "float"}
    row = {"time": ROW["at"], "id": 9, "day": "Monday", "prediction": 0.5}
    (prediction_id,) = record(body=body_of([row]), described=manifest(inputs=inputs))
    collect(environment, "eta")
    (records,) = in_lake(environment).to_dicts()
    assert (
        records["id"],
        records["input_id"],
        records["input_day"],
        records["input_prediction"],
    ) == (
        prediction_id,
        9,
        "Monday",
        0.5,
    )


def test_the_specs_key_is_kept_where_requests_hold_it(
    environment: Environment, record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the key in the request, its columns are there for the labels to find it; without, they
    are null.
    """
    environment = with_spec(environment, tmp_path, monkeypatch)
    with_key, without = record(body=body_of([{**ROW, "trip": 12}])), record()
    mention = record(body=body_of([{**ROW, "city": "trip"}]))
    collect(environment, "eta")
    records = dict(in_lake(environment).select("id", "key_trip").iter_rows())
    assert records == {with_key[0]: 12, without[0]: None, mention[0]: None}


def with_spec(
    environment: Environment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Environment:
    """Return the environment with a spec of the model, with `trip` as key.

    Args:
        environment: The environment.
        folder: Gets the spec.
        monkeypatch: For the variables.
    """
    columns = {
        "trip": "int",
        **{name: kind for name, kind in INPUTS.items() if name != "at"},
        "minutes": "float",
    }
    spec = {
        "model": "eta",
        "task": "regression",
        "owner": "tests",
        "ingest": {
            "source": {"type": "simulator"},
            "event_time": "at",
            "key": ["trip"],
            "label": "minutes",
            "columns": columns,
        },
        "train": {"lookback": "8d", "holdout": "2d"},
        "evaluate": {"gates": [{"metric": "rmse", "max": 9}]},
    }
    (folder / "models" / "eta").mkdir(parents=True)
    (folder / "models" / "eta" / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_MODELS", str(folder / "models"))
    return load_environment()


def test_labels_come_with_their_predictions_id(
    environment: Environment, log: PredictionLog
) -> None:
    """Numbers and truth values are numbers, classes are texts; a request's id alone means its first
    row.
    """
    assert log.record_labels("eta", [("a:3", 2.5), ("b", True), ("c:0", "late"), ("d:0", None)])
    assert collect(environment, "eta").labels == 4
    frame = in_lake(environment, "labels").sort("id")
    assert frame["id"].to_list() == ["a:3", "b:0", "c:0", "d:0"]
    assert frame["value"].to_list() == [2.5, 1.0, None, None]
    assert frame["text"].to_list() == [None, None, "late", None]


def test_collecting_again_and_again_takes_each_record_once(
    environment: Environment, log: PredictionLog, record: Record
) -> None:
    """New records of an open segment are collected; a closed segment is collected and removed."""
    folder = spool_folder(environment) / "eta" / "predictions"
    ids = []
    for turn in range(6):
        ids += record(rows=2)
        if turn == 3:
            log.close()
        assert collect(environment, "eta").predictions == 2
        assert collect(environment, "eta").predictions == 0
    assert sorted(in_lake(environment)["id"]) == sorted(ids)
    assert [segment.closed() for segment in segments_in(folder)] == [False]
    log.close()
    collect(environment, "eta")
    assert segments_in(folder) == []


def test_damage_costs_the_record_that_it_is_in(
    environment: Environment, log: PredictionLog, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    """A record with a changed byte is skipped with a message; its neighbours are read, the file is
    kept aside.
    """
    ids = [record()[0] for _ in range(3)]
    log.close()
    (segment,) = segments_in(spool_folder(environment) / "eta" / "predictions")
    content = bytearray(segment.path.read_bytes())
    content[content.index(ids[1].split(":")[0].encode())] ^= 1
    segment.path.write_bytes(content)
    assert collect(environment, "eta").predictions == 2
    assert sorted(in_lake(environment)["id"]) == sorted([ids[0], ids[2]])
    assert "were no whole record" in caplog.text
    assert not segment.path.exists()
    assert (segment.path.parent / "damaged" / segment.path.name).read_bytes() == content


def test_a_version_that_nobody_described_keeps_its_records(
    environment: Environment, record: Record
) -> None:
    """Without a version's description nothing is collected or removed; the error has the next step."""
    record()
    described = spool_folder(environment) / "eta" / "versions" / "1.json"
    content = described.read_text(encoding="utf-8")
    described.unlink()
    with pytest.raises(TerminalError, match="how requests of version 1 are read") as caught:
        collect(environment, "eta")
    assert "restart the model server" in str(caught.value)
    described.write_text(content, encoding="utf-8")
    assert collect(environment, "eta").predictions == 1


def _collect_in_a_process(_: int) -> int:
    return collect(load_environment(), "eta").predictions


def test_collectors_at_work_together_take_each_record_once(
    environment: Environment, record: Record
) -> None:
    """Three collectors started at once share the work between them without doing any of it twice."""
    ids = [each for _ in range(200) for each in record(rows=3)]
    # A process pool's executor fails when one of its processes dies. A Pool would wait for ever.
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        counts = list(pool.map(_collect_in_a_process, range(3)))
    assert sum(counts) == 600
    assert sorted(in_lake(environment)["id"]) == sorted(ids)


def test_many_small_commits_become_few_files(environment: Environment, record: Record) -> None:
    """The files of a day are written together from time to time: their number does not grow with
    the commits.
    """
    ids = []
    for _ in range(55):
        ids += record()
        collect(environment, "eta")
    table = DeltaTable(table_uri(environment, "eta", "predictions"))
    # Files are counted by day: should midnight pass meanwhile, there are two of them.
    assert len(table.file_uris()) <= 24 * in_lake(environment)["day"].n_unique()
    assert sorted(in_lake(environment)["id"]) == sorted(ids)
    assert collect(environment, "eta").predictions == 0
