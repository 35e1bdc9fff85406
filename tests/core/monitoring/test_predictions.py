"""With live traffic, what is watched is what the model server was asked and answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import polars as pl
import pytest

from airworthy.days import DAY
from airworthy.environment import Environment
from airworthy.handover import RunRequest
from airworthy.job import Job, open_job
from airworthy.lake.conform import conform
from airworthy.lake.sources import open_source
from airworthy.monitoring.live_rows import LakeRows, PredictionRows
from airworthy.monitoring.spans import Span
from airworthy.predictions.log_rows import (
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    SHADOW,
    label_rows,
    prediction_rows,
)
from airworthy.predictions.log_tables import append, column_types, open_or_create, table_uri
from airworthy.predictions.spool import LABELS, PREDICTIONS, LoggedVersion

from .conftest import MONITOR, Watch

MakeWatched = Callable[..., str]
FIRST = date(2026, 3, 1)


def job_of(model: str) -> Job:
    return open_job(
        RunRequest(
            model=model, as_of=datetime(2026, 3, 20, tzinfo=UTC), reason="manual", run_id="log"
        )
    )


def traffic(job: Job, day: date) -> pl.DataFrame:
    """The deliveries of a day, which were asked about when they were picked up."""
    raw = open_source(job).read(day)
    assert raw is not None
    return conform(raw, job.spec.ingest, day).rows


def log_day(job: Job, day: date, arm: str = "champion", keyed: bool = True) -> pl.DataFrame:
    """Put a day's requests, one row each, into the prediction log's table, as the collector would."""
    rows, version = traffic(job, day), LoggedVersion(inputs=job.spec.inputs, task=job.spec.task)
    hidden = ["minutes"] if keyed else ["minutes", "delivery_id"]
    payloads = []
    for place, row in enumerate(rows.iter_rows(named=True)):
        at = int(row["picked_up_at"].timestamp() * 1e6)
        head = {
            "id": f"{day}-{place:05d}",
            "time": at,
            "version": "1",
            "arm": arm,
            "key": "",
            "predictions": [1.0],
        }
        asked = {name: value for name, value in row.items() if name not in hidden}
        payloads.append(orjson.dumps(head) + b"\n" + orjson.dumps({"dataframe_records": [asked]}))
    table = open_or_create(
        table_uri(job.environment, job.spec.model, PREDICTIONS), PREDICTION_COLUMNS
    )
    key = {"delivery_id": job.spec.ingest.columns["delivery_id"]}
    append(
        table,
        prediction_rows(payloads, lambda _: version, key, column_types(table)),
        {f"{day}{arm}": 1},
    )
    return rows


def test_the_log_is_watched_and_its_labels_come_with_the_data(
    watched: MakeWatched, watch: Watch
) -> None:
    """Skew, drift and errors of logged requests; once a window has rows in the log, the lake is not looked at."""
    monitor = {**MONITOR, "retrain": {"min_labels": 100, "persist": "1 of 1"}}
    model = watched(drift_from="2026-03-20", monitor=monitor)
    job = job_of(model)
    for number in range(20):
        log_day(job, FIRST + timedelta(days=number))
    found = watch(model, "2026-03-21")
    window = found["data_check"]["window"]
    assert (window["production"], window["version"]) == ("predictions", None)
    rows = traffic(job, date(2026, 3, 20))
    assert window["rows"] == rows.height
    assert datetime.fromisoformat(window["newest"]) == rows["picked_up_at"].max()
    assert found["performance"]["labels"] == rows.height
    assert found["decision"]["signals"] == dict.fromkeys(
        ("skew", "drift", "label", "loss"), "fired"
    )
    assert "production in [" in found["drift"]["reference"]


@pytest.fixture
def logged(environment: Environment, watched: MakeWatched) -> Any:
    """A model with a day of answers and of shadows in its log, and labels sent by id for some of them."""
    job = job_of(watched())
    rows = log_day(job, FIRST, keyed=False)
    log_day(job, FIRST, arm=SHADOW, keyed=False)
    table = open_or_create(table_uri(environment, job.spec.model, LABELS), LABEL_COLUMNS)
    sent = [[f"{FIRST}-{place:05d}", float(place)] for place in range(50)]
    append(
        table, label_rows([orjson.dumps({"time": int(1e15 * 1.8), "labels": sent})]), {"labels": 1}
    )
    return job, rows


def test_log_and_lake_give_the_same_rows(logged: Any) -> None:
    """The same deliveries, in the declared types; what shadows answered does not count; labels are those sent."""
    job, rows = logged
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    span, log = Span(start, start + DAY), PredictionRows(job)
    inputs = list(job.spec.inputs)
    key = ["picked_up_at", *inputs[1:]]
    assert log.scan(span).collect().sort(key).equals(rows.select(inputs).sort(key))
    labelled = log.labelled(span).collect()
    assert labelled.schema == {**rows.select(inputs).schema, "minutes": pl.Float64()}
    assert sorted(labelled["minutes"]) == [float(place) for place in range(50)]
    lake = LakeRows.at(job)
    early = Span(start - 30 * DAY, start - 29 * DAY)
    for production in (log, lake):
        assert production.content(early) is None
        assert production.scan(early).select(inputs).collect().height == 0
        assert production.newest(early) is None
    half = Span(start, start + DAY / 2)
    noon = rows.filter(pl.col("picked_up_at") < start + DAY / 2).height
    assert log.scan(half).collect().height == noon
    assert log.content(half) != log.content(span) == log.content(span)
