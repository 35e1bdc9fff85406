"""Operators tell what an ingest noticed, and emit an asset event for each day that it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from tests.receivers import WebReceiver, web_receiver

from airworthy_airflow.assets import day_asset
from airworthy_airflow.operators import IngestOperator

from .test_operators import context

PROJECT = Path(__file__).resolve().parents[2]
MODEL = "trips"


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebReceiver]:
    """A receiver of the project's alerts; the project has one model of daily CSV files."""
    shipped = PROJECT / "include" / "environments" / "local.yaml"
    environments = tmp_path / "include" / "environments"
    environments.mkdir(parents=True)
    channel = "alerts: [{type: webhook, connection: hook}]"
    text = shipped.read_text(encoding="utf-8")
    (environments / "local.yaml").write_text(f"{text}\n{channel}\n", encoding="utf-8")
    write_model(tmp_path / "models" / MODEL)
    with web_receiver() as receiver:
        variables = {
            "NO_PROXY": "127.0.0.1",
            "AIRWORTHY_PROJECT": str(tmp_path),
            "AIRWORTHY_MODELS": str(tmp_path / "models"),
            "AIRWORTHY_STATE": str(tmp_path / "state"),
            "AIRFLOW_CONN_HOOK": receiver.connection("http"),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield receiver


def write_model(folder: Path) -> None:
    """Write the model's spec: the shipped one's, with another source."""
    shipped = PROJECT / "include" / "models" / "delivery_eta" / "model.yaml"
    spec = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    ingest = {
        "source": {"type": "files", "format": "csv", "path": "{yyyy}-{mm}-{dd}.csv"},
        "event_time": "at",
        "key": ["id"],
        "label": "minutes",
        "restate": "2d",
        "columns": {"id": "int", "city": "category", "minutes": "float"},
    }
    del spec["validate"], spec["start"]
    spec |= {"model": MODEL, "ingest": ingest, "start": "2026-03-16"}
    spec["train"] |= {"lookback": "3d", "holdout": "1d"}
    spec["evaluate"] = {"gates": [{"metric": "rmse", "max": 100.0}]}
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


def put_day(tmp_path: Path, day: int, city: str = "rome", head: str = "at,id,city,minutes") -> None:
    """Write a day's file."""
    rows = [f"2026-03-{day:02}T{hour:02}:00:00Z,{day * 100 + hour},{city},9" for hour in range(9)]
    path = tmp_path / "models" / MODEL / f"2026-03-{day:02}.csv"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")


def ingest(as_of: str, run_id: str, **params: str) -> tuple[IngestOperator, Any]:
    """Run the task; return its operator and the context with the events."""
    operator = IngestOperator(task_id="ingest", model=MODEL)
    given = context(as_of=as_of, **params)
    given["dag_run"].run_id = run_id
    given |= {"ti": SimpleNamespace(log_url="http://task"), "outlet_events": OutletEventAccessors()}
    try:
        operator.execute(given)
    except AirflowFailException as error:
        given["error"] = str(error)
    return operator, given


def days_of(operator: IngestOperator, given: Any) -> set[str]:
    """Return the days with an event when the task succeeds."""
    assert [outlet.uri for outlet in operator.outlets] in ([], [day_asset(MODEL).uri])
    return (
        set(given["outlet_events"][day_asset(MODEL)].partition_keys) if operator.outlets else set()
    )


def test_each_new_or_restated_day_is_an_event_and_an_unchanged_source_is_none(
    web: WebReceiver, tmp_path: Path
) -> None:
    """The restated day is told of, once; a run that reads nothing new gives up its outlet."""
    for day in (16, 17, 18, 19):
        put_day(tmp_path, day)
    assert days_of(*ingest("2026-03-19", "first")) == {"2026-03-16", "2026-03-17", "2026-03-18"}
    assert days_of(*ingest("2026-03-19", "again")) == set()
    assert web.requests == []
    put_day(tmp_path, 18, city="oslo")
    operator, given = ingest("2026-03-20", "second")
    assert days_of(operator, given) == {"2026-03-18", "2026-03-19"}
    assert given["outlet_events"][day_asset(MODEL)].extra["restated"] == ["2026-03-18"]
    ingest("2026-03-20", "second")
    [(_, body)] = web.requests
    assert (body["kind"], body["facts"]["days"]) == ("restated_partition", "1")
    assert body["text"].endswith("9 with another city")


def test_a_column_that_vanished_is_told_of_though_the_task_fails_by_it(
    web: WebReceiver, tmp_path: Path
) -> None:
    """The alert names the column before anybody reads the log."""
    for day in (16, 17, 18):
        put_day(tmp_path, day)
    ingest("2026-03-19", "first")
    put_day(tmp_path, 19, head="at,id,town,minutes")
    operator, given = ingest("2026-03-20", "second")
    assert "no column 'city'" in given["error"]
    assert operator.outlets == []
    [(_, body)] = web.requests
    assert (body["kind"], body["severity"]) == ("schema_change", "critical")
    assert "2026-03-19: city vanished (String)" in body["text"].splitlines()


def test_a_final_day_that_changed_is_told_of_once_and_read_again_when_asked(
    web: WebReceiver, tmp_path: Path
) -> None:
    """The lake keeps its rows until a person asks by the run's `refresh`."""
    for day in (16, 17, 18, 19, 20):
        put_day(tmp_path, day)
    ingest("2026-03-19", "first")
    put_day(tmp_path, 16, city="oslo")
    assert days_of(*ingest("2026-03-19", "second")) == set()
    ingest("2026-03-19", "third")
    [(_, body)] = web.requests
    assert (body["kind"], body["facts"]["days"]) == ("source_changed", "1")
    assert body["text"] == "2026-03-16: 9 rows kept, 9 at the source: 9 with another city"
    assert "--refresh 2026-03-16..2026-03-16" in body["next_step"]
    asked = ingest("2026-03-19", "fourth", refresh="2026-03-16")
    assert days_of(*asked) == {"2026-03-16"}


@pytest.mark.parametrize("refresh", ["2026-02-30", "2026-03-18..2026-03-16", "soon"])
def test_days_to_read_again_that_are_none_end_the_task(
    web: WebReceiver,
    refresh: str,
) -> None:
    """The error says the form; nothing was read."""
    _, given = ingest("2026-03-19", "first", refresh=refresh)
    assert given["error"] == "refresh is no range of days"
