"""Exact input: what a client sends is taken as it is meant, or refused with a 4xx that names the field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.core.lake.conftest import environment_below
from tests.core.serving.conftest import FolderRegistry

from airworthy.predictions.collect import collect
from airworthy.predictions.spool import PredictionLog
from airworthy.serving.in_process_server import RunningServer, serving

from .attacked_server import attacked_server
from .generated_requests import ROW, send

REQUESTS = 700
MEMORY_MIB = 50.0
JSON = {"content-type": "application/json"}
SPLIT = json.dumps({"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}})


def lost(url: str) -> list[str]:
    """Return the metrics of lost predictions and of answers with a 5xx that are not zero."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    told = [line for line in lines if "_lost_total" in line or 'status="5' in line]
    return [line for line in told if not line.startswith("#") and float(line.split()[-1]) > 0]


def test_no_generated_request_meets_a_fault_of_the_server(tmp_path: Path) -> None:
    """No 5xx, no silence, no 2xx for what is not valid, no memory kept; and what was logged is read."""
    with attacked_server(tmp_path) as server:
        document = server.document()
        send(server.port, document, 100, seed=1)
        before = server.memory_mib()
        figures = send(server.port, document, REQUESTS)
        assert figures.faults == []
        assert figures.statuses[200] > REQUESTS / 20
        assert server.memory_mib() - before < MEMORY_MIB
        assert lost(server.url) == []
    collected = collect(environment_below(tmp_path, state=tmp_path), "eta")
    assert collected.predictions > 0
    assert collected.labels > 0


@pytest.fixture(scope="module")
def logging_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of a model of each task, with a spool."""
    registry = FolderRegistry(tmp_path_factory.mktemp("exact"))
    for model, task in (("eta", "regression"), ("late", "binary"), ("status", "multiclass")):
        registry.add(model, "1", task)  # type: ignore[arg-type]
        registry.promote(model, "1")
    log = PredictionLog(registry.root / "spool")
    with serving(lambda: registry, registry.record.following(), prediction_log=log) as running:
        yield running


def post(server: RunningServer, path: str, body: str | bytes) -> httpx.Response:
    """Send a body of JSON with administration's token."""
    headers = JSON | {"authorization": f"Bearer {server.token}"}
    return httpx.post(f"{server.url}/models/{path}", content=body, headers=headers)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("eta/invocations", '{"inputs": {"city": ["a"], "city": ["b"]}}', "city"),
        ("eta/invocations", SPLIT.replace('"data"', '"data": [], "data"'), "data"),
        ("eta/invocations", SPLIT.replace("3.2", '{"a": 1, "a": 1}'), "a"),
        ("eta/invocations", SPLIT.replace("3.2", "Infinity"), "distance_km"),
        ("eta/invocations", SPLIT.replace(" 2,", " 18446744073709551616,"), "parcels"),
        ("eta/invocations", SPLIT.replace(" 2,", ' "\u0662",'), "parcels"),
        ("eta/versions/\u0661/invocations", SPLIT, "version"),
        ("eta/versions/01/invocations", SPLIT, "version"),
        ("eta/versions/" + "1" * 5_000 + "/invocations", SPLIT, "version"),
        (
            "eta/labels",
            '{"labels": [{"id": "a", "label": 18446744073709551616}]}',
            "labels.0.label",
        ),
        ("eta/labels", '{"labels": [{"id": "a", "label": -1e999}]}', "labels.0.label"),
        ("eta/labels", '{"labels": [{"id": "a", "label": NaN}]}', "labels.0.label"),
        ("late/labels", '{"labels": [{"id": "a", "label": 2}]}', "labels.0.label"),
        ("late/labels", '{"labels": [{"id": "a", "label": "\u0661"}]}', "labels.0.label"),
        (
            "status/labels",
            '{"labels": [{"id": "a", "label": 9223372036854775808}]}',
            "labels.0.label",
        ),
        ("status/labels", '{"labels": [{"id": "a", "label": [1]}]}', "labels.0.label"),
        ("eta/labels", '{"labels": [{"id": "a", "label": 1, "label": 2}]}', "label"),
        ("eta/labels", '{"labels": [{"id": "a:\u0661", "label": 1}]}', "labels.0.id"),
        ("eta/labels", '{"labels": [{"id": "a:01", "label": 1}]}', "labels.0.id"),
        ("eta/labels", '{"labels": [{"id": "a:9999999999999999999", "label": 1}]}', "labels.0.id"),
        ("eta/labels", '{"labels": [{"id": "a\\u0000b", "label": 1}]}', "labels.0.id"),
    ],
)
def test_a_refusal_names_the_field(
    logging_server: RunningServer, path: str, body: str, field: str
) -> None:
    """A client's own fault is a 4xx with the field; nothing is lost, and nothing counts as ours."""
    reply = post(logging_server, path, body)
    assert 400 <= reply.status_code < 500, reply.text
    told: dict[str, Any] = reply.json()
    assert told.get("field") == field, told
    assert lost(logging_server.url) == []


def test_a_body_that_is_nested_without_end_is_refused(logging_server: RunningServer) -> None:
    """Brackets, objects and both in each place of a body: a 400, and the server answers on."""
    for deep in ("[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900, '[{"a":' * 50_000):
        for body in (deep, SPLIT.replace("3.2", deep), f'{{"inputs": {deep}'):
            assert post(logging_server, "eta/invocations", body).status_code == 400
        labels = f'{{"labels": [{{"id": "a", "label": {deep}}}]}}'
        assert post(logging_server, "eta/labels", labels).status_code == 400
    assert post(logging_server, "eta/invocations", SPLIT).status_code == 200
