"""The client of Airflow's REST API against a web server with Airflow's answers in its bad moments."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from airflow_client.client import (
    AssetApi,
    CreateAssetEventsBody,
    ImportErrorApi,
    TaskInstanceResponse,
)

from airworthy.errors import TerminalError, TransientError
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import task_log

NOTHING: dict[str, Any] = {"import_errors": [], "total_entries": 0}
BUSY = [(503, {"detail": "busy"}), (500, {"detail": "Database error"})]


@dataclass
class Server:
    """Takes one token at a time, and gives `answers` in their order."""

    url: str = ""
    token: str = "none"
    logins: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    bodies: list[dict[str, Any] | None] = field(default_factory=list)

    def answer(
        self, path: str, authorization: str | None, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        """Return a status and a body.

        Args:
            path: Of the request.
            authorization: Its header.
            body: Its JSON.
        """
        if path == "/auth/token":
            assert body is not None
            self.logins.append(body)
            self.token = f"token {len(self.logins)}"
            return 201, {"access_token": self.token}
        if authorization != f"Bearer {self.token}":
            return 401, {"detail": "Not authenticated"}
        self.bodies.append(body)
        return self.answers.pop(0)


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on a free port."""
    running = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, content = running.answer(self.path, self.headers["authorization"], body)
            answer = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        running.url = f"http://127.0.0.1:{web.server_address[1]}"
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            web.shutdown()
            thread.join()


def test_it_logs_in_once_and_again_when_the_token_has_expired(server: Server) -> None:
    """Nothing is sent before the first call; the environment's proxy is not used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        errors = ImportErrorApi(AirflowApi(server.url, "admin", "secret"))
    assert server.logins == []
    server.answers = [(200, NOTHING)] * 3
    assert [errors.get_import_errors().total_entries for _ in range(2)] == [0, 0]
    assert server.logins == [{"username": "admin", "password": "secret"}]
    server.token = "another"
    assert errors.get_import_errors().total_entries == 0
    assert len(server.logins) == 2


def test_what_airflow_undid_because_it_was_busy_is_asked_again(server: Server) -> None:
    """The same body is sent until Airflow takes it."""
    server.answers = [*BUSY, (403, {"detail": "no"})]
    with pytest.raises(TerminalError):
        AssetApi(AirflowApi(server.url, "admin", "secret")).create_asset_event(
            CreateAssetEventsBody(asset_id=7)
        )
    assert server.bodies == [{"asset_id": 7}] * 3


def test_an_airflow_that_stays_busy_is_a_passing_error(server: Server) -> None:
    """The last answer is the error."""
    server.answers = [BUSY[1]] * 5
    with pytest.raises(TransientError) as trouble:
        ImportErrorApi(AirflowApi(server.url, "admin", "secret")).get_import_errors()
    assert "500" in str(trouble.value.received)
    assert "Database error" in str(trouble.value.received)


@pytest.mark.parametrize(
    ("status", "kind"), [(403, TerminalError), (404, TerminalError), (500, TransientError)]
)
def test_a_refusal_tells_what_was_received_and_what_to_do(
    server: Server, status: int, kind: type[TerminalError | TransientError]
) -> None:
    """It is an error at once: no request is sent twice."""
    server.answers = [(status, {"detail": "for a reason"})]
    with pytest.raises(kind) as refusal:
        ImportErrorApi(AirflowApi(server.url, "admin", "secret")).get_import_errors()
    assert str(refusal.value.received) == f'{status}: {{"detail": "for a reason"}}'
    assert refusal.value.next_step is not None


def test_an_airflow_that_cannot_be_reached_is_a_passing_error() -> None:
    """The next step is to bring the stack up."""
    with pytest.raises(TransientError, match="cannot be reached") as trouble:
        ImportErrorApi(AirflowApi("http://127.0.0.1:9", "admin", "secret")).get_import_errors()
    assert trouble.value.next_step == "make up"


def test_a_log_tells_the_error_that_ended_the_task(server: Server) -> None:
    """Airflow keeps the error beside the event's text."""
    error = {"exc_type": "TerminalError", "exc_value": "too few rows"}
    event = {"timestamp": "2026-03-20T01:02:03.456Z", "event": "Task failed", "level": "error"}
    named: dict[str, Any] = {"dag_id": "eta__train", "dag_run_id": "a+b", "task_id": "ingest"}
    task = TaskInstanceResponse.model_construct(**named, try_number=1)
    server.answers = [
        (
            200,
            {
                "content": [{**event, "error_detail": [error]}, "the end"],
                "continuation_token": None,
            },
        )
    ]
    lines = task_log(AirflowApi(server.url, "admin", "secret"), task).splitlines()
    assert lines == ["2026-03-20T01:02:03 Task failed TerminalError: too few rows", "the end"]
