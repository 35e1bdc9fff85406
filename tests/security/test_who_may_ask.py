"""Who may ask: beyond loopback a client needs a token, sees no rows of others, and labels its own answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.core.eventually import eventually
from tests.core.serving.conftest import FolderRegistry
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.client_tokens import add_client, known_clients, remove_client
from airworthy.errors import TerminalError
from airworthy.predictions.prediction_ids import is_id_of, new_request_id
from airworthy.release.client_arms import open_words
from airworthy.release.client_weights import evaluate_by_clients
from airworthy.release.guard import GuardResult, evaluate_guard
from airworthy.release.step_reports import StepReports
from airworthy.spec.release_part import Guard

from .asked_server import ADMIN, Asked, asked_server
from .generated_requests import ROW

BODY = {"dataframe_records": [ROW]}
ROUTES = [
    ("GET", "/models"),
    ("GET", "/models/eta"),
    ("GET", "/models/eta/example"),
    ("GET", "/models/eta/rollout"),
    ("GET", "/models/nobody"),
    ("POST", "/models/eta/invocations"),
    ("POST", "/models/eta/labels"),
    ("POST", "/models/eta/versions/1/invocations"),
]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server with the default settings, beyond loopback."""
    with asked_server(tmp_path_factory.mktemp("asked")) as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(asked: Asked) -> Iterator[httpx.Client]:
    """A client with a token."""
    with asked.client(add_client(asked.file, "shop")) as client:
        wait_until_known(client)
        yield client


@pytest.fixture(scope="module")
def rival(asked: Asked, shop: httpx.Client) -> Iterator[httpx.Client]:
    """Another client with a token."""
    with asked.client(add_client(asked.file, "rival")) as client:
        wait_until_known(client)
        yield client


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_beyond_loopback_nobody_asks_without_a_token(asked: Asked, method: str, path: str) -> None:
    """No rows of training data, no predictions of others, no answer, no label: 401, and 403 with a
    wrong token. Health, metrics and the document answer anybody.
    """
    for sent, status in (
        (None, 401),
        ("Basic Og==", 401),
        ("Bearer wrong", 403),
        ("bearer \u0661", 403),
    ):
        headers = {b"content-type": b"application/json"}
        if sent is not None:
            headers[b"authorization"] = sent.encode()
        reply = httpx.request(method, asked.url + path, headers=headers, content=b"{")
        assert reply.status_code == status, reply.text
        assert "distance_km" not in reply.text
    for open_path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
        assert httpx.get(asked.url + open_path).status_code == 200


def test_a_client_asks_with_its_token(asked: Asked, shop: httpx.Client) -> None:
    """So does administration; a client's token is not administration's."""
    assert shop.post("/models/eta/invocations", json=BODY).status_code == 200
    assert shop.get("/models/eta/example").status_code == 200
    assert shop.get("/models/eta/rollout").json()["arms"]["champion"]["predictions"] == []
    assert shop.post("/models/eta/versions/1/invocations", json=BODY).status_code == 403
    with asked.client(ADMIN) as administration:
        assert administration.post("/models/eta/invocations", json=BODY).status_code == 200


def test_a_client_labels_its_own_answers_alone(
    asked: Asked, shop: httpx.Client, rival: httpx.Client
) -> None:
    """Another client's answer is refused by name, alone or among own ones; administration labels all."""
    own = rival.post("/models/eta/invocations", json=BODY).json()["id"]
    others = shop.post("/models/eta/invocations", json=BODY).json()["id"]
    made_up = new_request_id()

    def label(client: httpx.Client, *ids: str) -> httpx.Response:
        body = {"labels": [{"id": each, "label": 9} for each in ids]}
        return client.post("/models/eta/labels", json=body)

    assert label(rival, own, f"{own}:0").status_code == 200
    for index, ids in enumerate(
        [[others], [own, f"{others}:0"], [own, own, made_up], [own] * 3 + ["a"]]
    ):
        refused = label(rival, *ids)
        assert (refused.status_code, refused.json()["field"]) == (403, f"labels.{index}.id")
    with asked.client(ADMIN) as administration:
        assert label(administration, own, others).status_code == 200


def test_an_id_is_of_one_key_whatever_is_changed_in_it() -> None:
    """No part of an id can be exchanged for that of another one."""
    ids = [new_request_id(b"shop") for _ in range(200)]
    assert len(set(ids)) == len(ids)
    assert all(is_id_of(each, [b"old", b"shop"]) for each in ids)
    assert not any(is_id_of(each, [b"rival"]) for each in ids)
    mixed = [first[:-8] + second[-8:] for first, second in pairwise(ids)]
    assert not any(is_id_of(each, [b"shop"]) for each in mixed)


def test_a_token_that_was_taken_away_opens_nothing(asked: Asked) -> None:
    """The file changes under a running server, and has no token in it."""
    token = add_client(asked.file, "gone")
    assert token not in asked.file.read_text(encoding="utf-8")
    assert asked.file.stat().st_mode & 0o777 == 0o600
    with asked.client(token) as client:
        eventually("it may ask", lambda: client.get("/models").status_code == 200)
        remove_client(asked.file, "gone")
        eventually("it may not", lambda: client.get("/models").status_code == 403)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST.:80", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:8000", 200),
        ("model.example", 200),
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("localhost.evil.example", 421),
        ("localhost@evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.9", 421),
        ("[::2]", 421),
        ("", 421),
        ("0x7f.1", 421),
        ("localhost evil.example", 421),
    ],
)
@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/docs", "/models/eta"])
def test_a_page_elsewhere_cannot_point_its_own_name_here(
    asked: Asked, shop: httpx.Client, host: str, status: int, path: str
) -> None:
    """Host is checked against a list on every route, before anything else (DNS rebinding)."""
    assert shop.get(path, headers={"host": host}).status_code == status


def test_a_way_out_is_named(tmp_path: Path) -> None:
    """`required: never` lets anybody ask beyond loopback, and the server's report says so."""
    with asked_server(tmp_path, clients={"required": "never"}, hosts=["*"]) as opened:
        reply = httpx.get(f"{opened.url}/models/eta/example", headers={"host": "any.example"})
        assert reply.status_code == 200
        reports = FolderRegistry(tmp_path).record.reports().read()
        assert reports[0].report.clients is not None
        assert not reports[0].report.clients.required
        # Each step of a rollout has this line on record.
        assert "required: never" in open_words([reports[0].report.clients])[0]


def test_loopback_asks_for_no_token_unless_it_is_told_to(tmp_path: Path) -> None:
    """`required: always` is for a server behind a proxy on its own machine."""
    with asked_server(tmp_path, "127.0.0.1", clients={"required": "always"}) as opened:
        assert httpx.get(f"{opened.url}/models").status_code == 401


def test_one_clients_strange_traffic_neither_trips_nor_passes_a_canary(tmp_path: Path) -> None:
    """It chooses keys of the challenger, sends strange rows and labels for them: alone, that trips the
    sum of all requests. The guard leaves it out, and the other client's requests decide.
    """
    with asked_server(tmp_path) as opened:
        registry = FolderRegistry(tmp_path)
        registry.add("eta", "2")
        tokens = [add_client(opened.file, name) for name in ("rival", "shop")]
        registry.record.begin(50)
        with opened.client(tokens[0]) as rival, opened.client(tokens[1]) as shop:
            for client in (rival, shop):
                wait_until_known(client)
            eventually("the canary answers", lambda: "2" in versions_of(shop, 40))
            guard = Guard(min_requests=30, min_labels=20)
            before = eventually("both are counted", lambda: judged(registry, guard, "shop", 40))
            assert before[1].trips == []
            for number in range(120):
                attack(rival, f"rival-{number}")
            asked = eventually("it is counted", lambda: judged(registry, guard, "rival", 120))
            alone, weighed, _ = asked
            assert {"predictions", "quality"} <= alone.by_signal.keys()
            assert weighed.trips == []
            assert any("client rival alone" in words for words in weighed.missing)
            versions_of(shop, 120)
            asked = eventually("they are counted", lambda: judged(registry, guard, "shop", 160))
            assert asked[0].trips
            assert (asked[1].trips, asked[2]) == ([], [])


def wait_until_known(client: httpx.Client) -> None:
    """Wait until the server has read a client's token."""
    eventually("the token is known", lambda: client.get("/models").status_code == 200)


def versions_of(client: httpx.Client, requests: int) -> set[str]:
    """Ask as an honest client does, with keys of its own, and label the answers; return the versions."""
    answers = [ask(client, f"shop-{number}", BODY) for number in range(requests)]
    label(client, [(answer["id"], answer["predictions"][0] + 1.0) for answer in answers])
    return {answer["version"] for answer in answers}


def attack(client: httpx.Client, key: str) -> None:
    """Send strange rows, and wrong labels, where the challenger answers."""
    if ask(client, key, BODY)["version"] == "2":
        strange = {"dataframe_records": [ROW | {"distance_km": 500.0}] * 20}
        answer = ask(client, key, strange)
        label(client, [(f"{answer['id']}:{row}", 1e6) for row in range(20)])


def ask(client: httpx.Client, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer."""
    headers = {"x-targeting-key": key}
    reply = client.post("/models/eta/invocations", json=body, headers=headers)
    return dict(reply.raise_for_status().json())


def label(client: httpx.Client, labels: list[tuple[str, float]]) -> None:
    """Send labels."""
    sent = [{"id": each, "label": value} for each, value in labels]
    client.post("/models/eta/labels", json={"labels": sent}).raise_for_status()


def judged(
    registry: FolderRegistry, guard: Guard, client: str, requests: int
) -> tuple[GuardResult, GuardResult, list[str]] | None:
    """Return the guard's result on the sum, and by clients; None: not all of them are reported yet."""
    rollout = registry.record.traffic().rollout
    assert rollout is not None
    reports = StepReports(registry.record.reports().read(), "eta", rollout, datetime.now(UTC))
    arms = reports.client_arms
    others = [name for arm in arms for name in arm.names if name != client]
    if sum(arm.arm(others).figures.requests for arm in arms) < requests:
        return None
    assert reports.told_apart
    alone = evaluate_guard(guard, *reports.arms, classes=False, over=True)
    return alone, *evaluate_by_clients(guard, *arms, classes=False, over=True)


def test_tokens_are_given_listed_and_taken_away_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A token is shown once; a malformed variable is refused without a word of its content."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    run = CliRunner().invoke
    token = run(app, ["clients", "add", "shop"]).stdout.splitlines()[0]
    listed = run(app, ["clients", "list"]).output
    assert listed.startswith("shop  2")
    assert token not in listed
    assert isinstance(run(app, ["clients", "add", "Shop?"]).exception, TerminalError)
    assert run(app, ["clients", "remove", "shop"]).exit_code == 0
    assert isinstance(run(app, ["clients", "remove", "shop"]).exception, TerminalError)
    for value in ("secret-value-of-a-token-alone", "shop=short-secret"):
        monkeypatch.setenv("AIRWORTHY_CLIENT_TOKENS", value)
        error = run(app, ["clients", "list"]).exception
        assert isinstance(error, TerminalError)
        assert "secret" not in str(error)
    monkeypatch.setenv("AIRWORTHY_CLIENT_TOKENS", f"shop={token}, office={token}x")
    assert [each.name for each in known_clients(tmp_path / "none")] == ["shop", "office"]
    assert isinstance(run(app, ["clients", "add", "shop"]).exception, TerminalError)
