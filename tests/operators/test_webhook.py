"""Signed webhooks: the documented receiver tells a wrong signature, an old message and a replay apart."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.receivers import WebReceiver, web_receiver

from airworthy.alerts.alert import Alert
from airworthy.spec.alerts_part import WebhookChannel
from airworthy_airflow.alerts.webhook import (
    RefusedWebhookError,
    WebhookNotifier,
    signed_headers,
)

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "webhook_receiver.py"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALERT = Alert(
    kind="promoted",
    model="parcels",
    about="version 5 run-1",
    severity="warning",
    title="parcels: version 5 is champion – ö",
    text="a run",
    next_step="nothing",
)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The receiver of the documentation."""
    spec = importlib.util.spec_from_file_location("webhook_receiver", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebReceiver]:
    """A web server that is reached directly."""
    with web_receiver() as receiver:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield receiver


def send(monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    """Send the alert by a connection."""
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", connection)
    WebhookNotifier(WebhookChannel(type="webhook", connection="hook"), ALERT).notify({})


def test_the_signature_is_the_conventions() -> None:
    """The example in the specification of Standard Webhooks has this signature."""
    headers = signed_headers(
        SECRET,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [SECRET, "any text"])
def test_a_wrong_signature_an_old_message_and_a_replay_are_told_apart(
    web: WebReceiver, monkeypatch: pytest.MonkeyPatch, example: ModuleType, secret: str
) -> None:
    """The first message is new; each other one is refused with a status of its own."""
    send(monkeypatch, web.connection("http", secret))
    [(headers, body)] = web.sent
    now = time.time()
    verifier = example.Verifier(secret)
    assert verifier.verify(headers, body, now)
    assert status(example, verifier, headers, body, now) == 409
    other = example.Verifier("whsec_b3RoZXI=")
    assert status(example, other, headers, body, now) == 401
    fresh = example.Verifier(secret)
    assert status(example, fresh, headers, body + b" ", now) == 401
    assert status(example, fresh, {**headers, "webhook-timestamp": "1"}, body, now) == 401
    assert status(example, fresh, headers, body, now + 600) == 400


def test_a_passing_failure_is_tried_again_with_the_same_id(
    web: WebReceiver, monkeypatch: pytest.MonkeyPatch, example: ModuleType
) -> None:
    """Each try is signed anew, and a receiver takes the message once. A refusal is final."""
    web.first = [503, 429]
    send(monkeypatch, web.connection("http", secret=SECRET))
    assert len({headers["webhook-id"] for headers, _ in web.sent}) == 1
    assert len(web.sent) == 3
    assert all("secret" not in headers for headers, _ in web.sent)
    verifier = example.Verifier(SECRET)
    assert [verifier.verify(*each, time.time()) for each in web.sent] == [True, False, False]
    web.first, web.sent = [403], []
    with pytest.raises(RefusedWebhookError, match="403"):
        send(monkeypatch, web.connection("http"))
    assert len(web.sent) == 1


def test_without_a_key_nothing_is_signed(web: WebReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password with a login is for basic authentication."""
    plain = {"conn_type": "http", "host": "http://127.0.0.1", "port": web.port}
    login = {**plain, "login": "ada", "password": "secret"}
    for connection in (plain, login):
        send(monkeypatch, _json(connection))
    assert all("webhook-signature" not in headers for headers, _ in web.sent)
    assert web.sent[1][0]["authorization"].startswith("Basic ")


def test_the_documented_receiver_takes_what_is_signed_with_its_key_only(
    monkeypatch: pytest.MonkeyPatch, example: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the alert once; another key is an answer of 401."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = example.serve(example.Verifier(SECRET), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = {"conn_type": "http", "host": "http://127.0.0.1", "port": server.server_port}
        send(monkeypatch, _json({**address, "password": SECRET}))
        with pytest.raises(RefusedWebhookError, match="401"):
            send(monkeypatch, _json({**address, "password": "whsec_b3RoZXI="}))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert capsys.readouterr().out.splitlines() == [f"warning: {ALERT.title}"]


def status(example: ModuleType, verifier: Any, *message: Any) -> int:
    """Return the status of a refused message.

    Args:
        example: The receiver of the documentation.
        verifier: Its verifier.
        *message: Headers, body and time.
    """
    with pytest.raises(example.RefusedError) as refused:
        verifier.verify(*message)
    return int(refused.value.status)


def _json(connection: dict[str, Any]) -> str:

    return json.dumps(connection)
