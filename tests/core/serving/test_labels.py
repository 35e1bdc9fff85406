"""Labels over HTTP, and the server's log of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from airworthy.bundle import ModelBundle
from airworthy.environment import Environment
from airworthy.predictions.find_prediction import find_prediction
from airworthy.predictions.spool import open_prediction_log
from airworthy.release.server_client import split_body
from airworthy.serving.in_process_server import serving

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry
from .rollout_client import EXAMPLE, RolloutClient

KEYS = [f"customer-{number}" for number in range(60)]


@pytest.fixture
def logging_server(
    own_registry: FolderRegistry, environment: Environment
) -> Iterator[RolloutClient]:
    """A client of a server with a log in the environment's spool."""
    prediction_log = open_prediction_log(environment)
    with (
        serving(
            lambda: own_registry, own_registry.record.following(), prediction_log=prediction_log
        ) as running,
        RolloutClient(running) as client,
    ):
        yield client


def post_labels(client: RolloutClient, labels: list[dict[str, Any]]) -> dict[str, Any]:
    """Send labels to the server."""
    return dict(
        client.post("/models/eta/labels", json={"labels": labels}).raise_for_status().json()
    )


def test_labels_become_each_arms_mean_loss(
    rolling: RolloutClient, own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """By the ids of the answers, labels find the predictions of both arms; unknown ids are only
    received.
    """
    own_registry.record.begin(50)
    rolling.wait_for_step(50)
    answers = [rolling.ask(key, split_body(rows)) for key in KEYS]
    labels = [
        {"id": f"{answer['id']}:{row}", "label": float(row)}
        for answer in answers
        for row in range(rows.height)
    ]
    assert post_labels(rolling, labels) == {
        "model": "eta",
        "received": len(labels),
        "joined": len(labels),
    }
    assert post_labels(rolling, [*labels[:5], {"id": "nobody", "label": 1}])["joined"] == 0
    for name, version in (("champion", "1"), ("challenger", "2")):
        predicted = (
            ModelBundle.load(*own_registry.bundle("eta", version)).predict(rows).astype(float)
        )
        arm = rolling.arm(name)
        assert arm["labels"] == arm["rows"] > 0
        losses = np.tile((predicted - np.arange(rows.height)) ** 2, arm["requests"])
        assert (arm["mean_loss"], arm["loss_sd"]) == pytest.approx(
            (losses.mean(), losses.std(ddof=1))
        )


def test_in_a_shadow_a_label_is_for_both(
    rolling: RolloutClient, own_registry: FolderRegistry
) -> None:
    """One answer was given and two were made: the id's label judges both."""
    own_registry.record.begin("shadow")
    rolling.wait_for_step("shadow")
    answers = [rolling.ask(key) for key in KEYS]
    eventually("all shadows", lambda: rolling.arm("challenger")["requests"] == len(KEYS))
    assert post_labels(rolling, [{"id": answer["id"], "label": 10} for answer in answers])[
        "joined"
    ] == len(KEYS)
    arms = rolling.rollout()["arms"]
    assert arms["champion"]["labels"] == arms["challenger"]["labels"] == len(KEYS)
    assert arms["champion"]["mean_loss"] < arms["challenger"]["mean_loss"]


WRONG = [
    ("eta", b"{", "the body"),
    ("eta", b"[]", "the body"),
    ("eta", b'{"labels": []}', "labels"),
    ("eta", b'{"labels": [{"id": "a"}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": 1, "more": 2}]}', "labels.0.more"),
    ("eta", b'{"labels": [{"id": "", "label": 1}]}', "labels.0.id"),
    ("eta", b'{"labels": [{"id": "a", "label": 1}, {"id": "a:b", "label": 1}]}', "labels.1.id"),
    ("eta", b'{"labels": [{"id": "a", "label": "12"}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": null}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": true}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": 1' + b"0" * 400 + b"}]}", "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": NaN}]}', "labels.0.label"),
    ("late", b'{"labels": [{"id": "a", "label": 0.5}]}', "labels.0.label"),
    ("late", b'{"labels": [{"id": "a", "label": "late"}]}', "labels.0.label"),
    ("status", b'{"labels": [{"id": "a", "label": ["late"]}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": 18446744073709551616}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": -9223372036854775809}]}', "labels.0.label"),
    ("status", b'{"labels": [{"id": "a", "label": 18446744073709551616}]}', "labels.0.label"),
    ("eta", b'{"labels": [{"id": "a", "label": 1, "label": 2}]}', "label"),
    ("eta", '{"labels": [{"id": "a:\u0661", "label": 1}]}'.encode(), "labels.0.id"),
]


@pytest.mark.parametrize(("model", "body", "field"), WRONG)
def test_wrong_labels_are_a_400_that_names_the_field(
    http: httpx.Client, model: str, body: bytes, field: str
) -> None:
    """An impossible label for the model's task is refused before any of the request counts."""
    reply = http.post(
        f"/models/{model}/labels", content=body, headers={"content-type": "application/json"}
    )
    assert (reply.status_code, reply.json()["field"]) == (400, field)


def test_labels_have_the_limits_of_any_request(http: httpx.Client) -> None:
    """Another content type, too much, an unknown model: as in scoring."""
    assert http.post("/models/eta/labels", content=b"{}").status_code == 415
    assert (
        http.post("/models/nope/labels", json={"labels": [{"id": "a", "label": 1}]}).status_code
        == 404
    )
    large = b'{"labels": ["' + b"x" * 17_000_000 + b'"]}'
    assert (
        http.post(
            "/models/eta/labels", content=large, headers={"content-type": "application/json"}
        ).status_code
        == 413
    )


def test_an_answer_is_logged_before_it_leaves(
    logging_server: RolloutClient,
    own_registry: FolderRegistry,
    environment: Environment,
    rows: pl.DataFrame,
) -> None:
    """Whoever has an answer finds it by its id: version, arm, key, inputs and prediction are those
    of the answer.
    """
    plain = logging_server.ask(body=split_body(rows[:1]))
    logged = find_prediction(environment, "eta", plain["id"])
    assert logged is not None
    assert (logged.model_version, logged.arm, logged.targeting_key) == ("1", "champion", "")
    own_registry.record.begin(50)
    logging_server.wait_for_step(50)
    arms = set()
    for key in KEYS[:20]:
        answer = logging_server.ask(key, split_body(rows[:3]))
        logged = find_prediction(environment, "eta", f"{answer['id']}:2")
        assert logged is not None
        assert (logged.model_version, logged.targeting_key) == (answer["version"], key)
        assert logged.arm == {"1": "champion", "2": "challenger"}[answer["version"]]
        assert logged.prediction == pytest.approx(answer["predictions"][2])
        assert logged.inputs["distance_km"] == rows["distance_km"][2]
        arms.add(logged.arm)
    assert arms == {"champion", "challenger"}


def test_a_clients_fault_is_no_fault_of_the_server(
    logging_server: RolloutClient, environment: Environment
) -> None:
    """Numbers beyond 64 bits and doubled keys are a 4xx: no 5xx, and no answer counts as lost. The
    largest number that JSON's parser keeps whole is logged and found.
    """
    headers = {"content-type": "application/json"}
    for _, body, _ in WRONG:
        reply = logging_server.post("/models/eta/labels", content=body, headers=headers)
        assert reply.status_code in (200, 400)
    whole = EXAMPLE.replace(b"4.5", b"18446744073709551615")
    for body, status in (
        (whole, 200),
        (EXAMPLE.replace(b"4.5, 2", b"4.5, 18446744073709551616"), 400),
        (EXAMPLE.replace(b'{"columns"', b'{"data": [], "columns"'), 400),
    ):
        reply = logging_server.post("/models/eta/invocations", content=body, headers=headers)
        assert reply.status_code == status, reply.text
    found = find_prediction(environment, "eta", logging_server.ask(body=whole)["id"])
    assert found is not None
    assert found.inputs["distance_km"] == 2.0**64
    assert "airworthy_predictions_lost_total 0.0" in logging_server.metrics()
    assert 'status="5' not in logging_server.metrics()


def test_labels_that_cannot_be_logged_are_asked_for_again(
    logging_server: RolloutClient, environment: Environment
) -> None:
    """Labels are no answer in a hurry: without a place to keep them the caller gets 503, scoring
    goes on.
    """
    environment.state.mkdir(parents=True, exist_ok=True)
    (environment.state / "spool").write_text("a file where the folder should be")
    answer = logging_server.ask()
    refused = logging_server.post(
        "/models/eta/labels", json={"labels": [{"id": answer["id"], "label": 1}]}
    )
    assert refused.status_code == 503
    assert "airworthy_predictions_lost_total 2.0" in logging_server.metrics()
    (environment.state / "spool").unlink()
    assert post_labels(logging_server, [{"id": answer["id"], "label": 1}])["received"] == 1
