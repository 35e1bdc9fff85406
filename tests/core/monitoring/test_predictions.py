"""With live traffic, the live rows are the model server's requests and answers."""

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
from airworthy.monitoring.live_rows import LakeRows, LoggedRows
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

from .conftest import MONITOR, RunMonitor

MakeMonitoredModel = Callable[..., str]
FIRST = date(2026, 3, 1)


def job_of(model: str) -> Job:
    """Return a job of the model."""
    return open_job(
        RunRequest(
            model=model, as_of=datetime(2026, 3, 20, tzinfo=UTC), reason="manual", run_id="log"
        )
    )


def traffic(job: Job, day: date) -> pl.DataFrame:
    """The deliveries of a day, each requested at its pickup."""
    raw = open_source(job).read(day)
    assert raw is not None
    return conform(raw, job.spec.ingest, day).rows


def log_day(job: Job, day: date, arm: str = "champion", keyed: bool = True) -> pl.DataFrame:
    """Put a day's requests, one row each, into the prediction log's table, as the collector would.

    Args:
        job: For lake and model.
        day: The day.
        arm: The answering arm.
        keyed: Whether rows have a targeting key.
    """
    rows, version = traffic(job, day), LoggedVersion(inputs=job.spec.inputs, task=job.spec.task)
    hidden = ["minutes"] if keyed else ["minutes", "delivery_id"]
    payloads = []
    for index, row in enumerate(rows.iter_rows(named=True)):
        at = int(row["picked_up_at"].timestamp() * 1e6)
        head = {
            "id": f"{day}-{index:05d}",
            "time": at,
            "version": "1",
            "arm": arm,
            "key": "",
            "predictions": [1.0],
        }
        sent_inputs = {name: value for name, value in row.items() if name not in hidden}
        payloads.append(
            orjson.dumps(head) + b"\n" + orjson.dumps({"dataframe_records": [sent_inputs]})
        )
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
    monitored_model: MakeMonitoredModel, run_monitor: RunMonitor
) -> None:
    """Skew, drift and errors of logged requests; once a window has rows in the log, the lake is not
    looked at.
    """
    monitor = {**MONITOR, "retrain": {"min_labels": 100, "persist": "1 of 1", "cooldown": "1d"}}
    model = monitored_model(drift_from="2026-03-20", monitor=monitor)
    job = job_of(model)
    for number in range(20):
        log_day(job, FIRST + timedelta(days=number))
    result = run_monitor(model, "2026-03-21")
    window = result["data_check"]["window"]
    assert (window["production"], window["version"]) == ("predictions", None)
    rows = traffic(job, date(2026, 3, 20))
    assert window["rows"] == rows.height
    assert datetime.fromisoformat(window["newest"]) == rows["picked_up_at"].max()
    assert result["performance"]["labels"] == rows.height
    assert result["decision"]["signals"] == dict.fromkeys(
        ("skew", "drift", "label", "loss"), "fired"
    )
    assert "production in [" in result["drift"]["reference"]


@pytest.fixture
def logged(environment: Environment, monitored_model: MakeMonitoredModel) -> Any:
    """A model with a day of answers and of shadows in its log, and labels sent by id for some of
    them.
    """
    job = job_of(monitored_model())
    rows = log_day(job, FIRST, keyed=False)
    log_day(job, FIRST, arm=SHADOW, keyed=False)
    table = open_or_create(table_uri(environment, job.spec.model, LABELS), LABEL_COLUMNS)
    sent = [[f"{FIRST}-{index:05d}", float(index)] for index in range(50)]
    append(
        table, label_rows([orjson.dumps({"time": int(1e15 * 1.8), "labels": sent})]), {"labels": 1}
    )
    return job, rows


def test_log_and_lake_give_the_same_rows(logged: Any) -> None:
    """The same deliveries, in the declared types; shadow answers do not count; labels are those
    sent.
    """
    job, rows = logged
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    span, log = Span(start, start + DAY), LoggedRows(job)
    inputs = list(job.spec.inputs)
    key = ["picked_up_at", *inputs[1:]]
    assert log.scan(span).collect().sort(key).equals(rows.select(inputs).sort(key))
    labelled = log.labelled(span).collect()
    assert labelled.schema == {**rows.select(inputs).schema, "minutes": pl.Float64()}
    assert sorted(labelled["minutes"]) == [float(index) for index in range(50)]
    lake = LakeRows.at(job)
    early = Span(start - 30 * DAY, start - 29 * DAY)
    for rows_source in (log, lake):
        assert rows_source.content_key(early) is None
        assert rows_source.scan(early).select(inputs).collect().height == 0
        assert rows_source.newest(early) is None
    half = Span(start, start + DAY / 2)
    noon = rows.filter(pl.col("picked_up_at") < start + DAY / 2).height
    assert log.scan(half).collect().height == noon
    assert log.content_key(half) != log.content_key(span) == log.content_key(span)
