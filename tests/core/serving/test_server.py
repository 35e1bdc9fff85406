"""The server describes itself, and finds what the record names."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airworthy.bundle import ModelBundle
from airworthy.features import polars_schema
from airworthy.release.server_client import split_body
from airworthy.serving.app import create_app
from airworthy.serving.direct_predictor import DirectPredictor
from airworthy.serving.in_process_server import RunningServer, serving
from airworthy.serving.single_row_encoder import SingleRowEncoder
from airworthy.spec.fields import ColumnType

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry

JSON = {"content-type": "application/json"}
INPUTS: dict[str, ColumnType] = {
    "picked_up_at": "datetime", "distance_km": "float", "parcels": "int", "city": "category", "express": "bool",
    "note": "string",
}  # fmt: skip


def test_a_model_describes_itself_and_its_example_can_be_posted(
    http: httpx.Client, registry: FolderRegistry
) -> None:
    """Version, digest, since (UTC), task, inputs and classes are those registered; the linked
    example is accepted.
    """
    described = http.get("/models/status").json()
    assert (described["version"], described["digest"]) == ("1", registry.bundle("status", "1")[1])
    assert (described["task"], described["classes"]) == ("multiclass", ["early", "late", "on_time"])
    assert described["inputs"]["picked_up_at"] == "datetime"
    since = datetime.fromisoformat(described["since"])
    assert since.utcoffset() == datetime.now(UTC).utcoffset()
    example = http.get(described["example"])
    reply = http.post("/models/status/invocations", content=example.content, headers=JSON)
    assert reply.status_code == 200
    assert len(reply.json()["predictions"][0]) == 3


def test_models_are_listed(http: httpx.Client) -> None:
    """Every model with a champion is listed with its version."""
    listed = http.get("/models").json()["models"]
    assert {name: described["version"] for name, described in listed.items()} == {
        "eta": "1",
        "late": "1",
        "status": "1",
    }


@pytest.mark.parametrize(
    "path", ["/models/nope", "/models/nope/example", "/models/nope/invocations"]
)
def test_an_unknown_model_is_a_404_that_names_the_others(http: httpx.Client, path: str) -> None:
    """A misspelt model's reply lists the present ones."""
    method = "POST" if path.endswith("invocations") else "GET"
    for _ in range(2):
        reply = http.request(method, path, headers=JSON)
        assert reply.status_code == 404
        assert "there is no model 'nope'" in reply.json()["error"]
        assert {"eta", "late", "status"} <= set(reply.json()["allowed"].split(", "))


def test_a_model_without_a_champion_says_what_to_do(http: httpx.Client) -> None:
    """A registered model without a release is a 503 with the next command."""
    reply = http.get("/models/unreleased")
    assert reply.status_code == 503
    assert reply.json()["next_step"].endswith("airworthy run unreleased")


def test_a_path_that_is_not_there_is_a_404_in_json(http: httpx.Client) -> None:
    """Errors are JSON with a message everywhere, also for a wrong method."""
    assert http.get("/nope").json()["error"] == "Not Found"
    assert http.delete("/models").status_code == 405


def text_of_metrics(server: RunningServer, name: str) -> str | None:
    """Return Prometheus' text, once it has a series of this name."""
    text = httpx.get(f"{server.url}/metrics").text
    return text if f"{name}{{" in text else None


def test_metrics_count_requests_rows_and_versions(
    own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """Prometheus sees requests by status, rows, latency, loaded versions and swaps."""
    with serving(lambda: own_registry, own_registry.record.following()) as running:
        url = f"{running.url}/models/eta/invocations"
        for _ in range(3):
            httpx.post(url, content=split_body(rows), headers=JSON)
        httpx.post(url, json={"inputs": []})
        entry = own_registry.record.move("eta", "2")
        text = eventually(
            "the swap is counted",
            lambda: text_of_metrics(running, "airworthy_swaps_total"),
        )
    digest = own_registry.bundle("eta", "2")[1]
    for line in (
        'airworthy_requests_total{arm="champion",model="eta",status="200",version="1"} 3.0',
        'airworthy_requests_total{arm="champion",model="eta",status="400",version="1"} 1.0',
        f'airworthy_rows_total{{model="eta",version="1"}} {rows.height * 3.0}',
        'airworthy_request_seconds_count{arm="champion",model="eta",version="1"} 3.0',
        f'airworthy_version_info{{digest="{digest}",model="eta",role="champion",version="2"}} 1.0',
        'airworthy_swaps_total{model="eta"} 1.0',
        f'airworthy_record_entry{{model="eta"}} {float(entry.sequence)}',
        "airworthy_record_lost 0.0",
    ):
        assert line in text
    assert 'role="champion",version="1"' not in text


def test_a_first_release_is_served_without_a_restart(
    own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """A model with its first champion after the start is found at its first request."""
    own_registry.add("new", "1")
    with serving(lambda: own_registry, own_registry.record.following()) as running:
        assert httpx.get(f"{running.url}/health/ready").json()["models"] == ["eta"]
        own_registry.promote("new", "1")
        reply = httpx.post(
            f"{running.url}/models/new/invocations", content=split_body(rows), headers=JSON
        )
        assert (reply.status_code, reply.json()["version"]) == (200, "1")


def test_the_server_lives_before_its_registry_is_there(own_registry: FolderRegistry) -> None:
    """A late registry delays readiness, not liveness, and is used at its first answer."""
    requested, there, ready = threading.Event(), threading.Event(), threading.Event()

    def open_late() -> Any:
        if not requested.is_set():
            requested.set()
            raise ConnectionError("not yet")
        assert there.wait(30)
        return own_registry

    app = create_app(open_late, own_registry.record.following(), lambda: None, on_ready=ready.set)
    with TestClient(app) as client:
        assert requested.wait(30)
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        there.set()
        assert ready.wait(30)
        described = client.get("/health/ready").json()
        assert (described["status"], described["models"], described["failed"]) == (
            "ready",
            ["eta"],
            {},
        )
        assert described["record"]["lost_since"] is None


@pytest.mark.parametrize("model", ["eta", "late", "status"])
def test_direct_predictions_are_those_of_inplace_predict(
    registry: FolderRegistry, rows: pl.DataFrame, model: str
) -> None:
    """The direct call of XGBoost gives the very same numbers, and refuses misreadable arrays."""
    bundle = ModelBundle.load(*registry.bundle(model, "1"))
    matrix: Any = bundle.features.matrix(rows)
    predictor = DirectPredictor(bundle.booster)
    for part in (matrix, matrix[:1], matrix[5:9]):
        assert np.array_equal(
            np.asarray(predictor.predict(part), np.float32), bundle.booster.inplace_predict(part)
        )
    for wrong in (matrix[:, 1:], np.asfortranarray(matrix), matrix.astype(np.float64), matrix[0]):
        with pytest.raises(ValueError, match="allowed: float32"):
            predictor.predict(wrong)


@given(
    row=st.fixed_dictionaries(
        {
            "picked_up_at": st.integers(-(2**55), 2**55),
            "distance_km": st.none() | st.floats(allow_nan=False) | st.integers(-(2**70), 2**70),
            "parcels": st.none() | st.integers(-(2**63), 2**63 - 1),
            "city": st.none() | st.sampled_from(["Bern", "Oslo", "Rome", ""]) | st.text(max_size=5),
            "express": st.none() | st.booleans(),
            "note": st.none() | st.text(max_size=5),
        }
    )
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_one_row_has_the_features_that_training_would_give_it(
    registry: FolderRegistry, row: dict[str, Any]
) -> None:
    """The encoder of a single row equals the feature expressions in a batch bit for bit."""
    features = ModelBundle.load(*registry.bundle("eta", "1")).features
    schema = polars_schema(INPUTS)
    expected = features.matrix(pl.from_dicts([row] * 3, schema=schema))[:1]
    encoded = SingleRowEncoder(features, schema).matrix(row)
    assert encoded.dtype == np.float32
    assert np.array_equal(encoded, expected, equal_nan=True)
