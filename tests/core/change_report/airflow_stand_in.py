"""A server at the edge that answers as Airflow's REST API does, with what a test wants of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSED = {"releasable": True, "gates": []}
REJECTED = {
    "releasable": False,
    "gates": [{"gate": "rmse against champion", "outcome": "fail", "reason": "9 % worse"}],
}


@dataclass
class AirflowStandIn:
    """Airflow, with the DAG of one model.

    Attributes:
        looks: The states of a run and its tasks, one for each look; the last one stays.
        outputs: Task -> its output.
        first: Status codes that the first requests about runs get instead of an answer.
        runs: Run -> its conf, as it was started.
        failed: Runs that there are already, and have failed.
        paused: Whether the DAG is paused.
        bundles: The versions of the DAG's files, one for each look at it; the last one stays.
        tokens: Tokens that count.
        requests: Method and path of each request.
    """

    looks: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    paused: bool = False
    bundles: list[str | None] = field(default_factory=lambda: [None])
    tokens: set[str] = field(default_factory=lambda: {"t0ken"})
    requests: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return the status and the content of an answer to a request with a good token."""
        parts = path.removeprefix("/api/v2/dags/").split("?")[0].split("/")
        if parts[0] != "parcels__train":
            return 404, {"detail": f"The DAG with ID: `{parts[0]}` was not found"}
        if len(parts) == 1:
            version = self.bundles.pop(0) if len(self.bundles) > 1 else self.bundles[0]
            return 200, {"dag_id": parts[0], "is_paused": self.paused, "bundle_version": version}
        if method == "POST":
            return self._start(body)
        if self.first:
            return self.first.pop(0), "<html>no answer</html>"
        if len(parts) == 3:
            return self._state(parts[2])
        if parts[-1] == "return_value":
            return 200, {"key": "return_value", "value": self.outputs[parts[4]]}
        tasks = self.looks.pop(0)[1] if len(self.looks) > 1 else self.looks[0][1]
        shown = [{"task_id": name, "state": state} for name, state in tasks.items()]
        return 200, {"task_instances": shown, "total_entries": len(shown)}

    def _start(self, body: dict[str, Any]) -> tuple[int, Any]:
        run_id = body["dag_run_id"]
        if run_id in self.runs or run_id in self.failed:
            return 409, {"detail": f"DAGRun with {run_id} already exists"}
        self.runs[run_id] = body
        return 200, {"dag_run_id": run_id, "state": "queued"}

    def _state(self, run_id: str) -> tuple[int, Any]:
        if run_id in self.failed:
            return 200, {"dag_run_id": run_id, "state": "failed"}
        if run_id not in self.runs:
            return 404, {"detail": "The DagRun was not found"}
        return 200, {"dag_run_id": run_id, "state": self.looks[0][0]}


@contextmanager
def airflow_stand_in(airflow: AirflowStandIn) -> Iterator[AirflowStandIn]:
    """Run the server."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            airflow.requests.append((self.command, self.path))
            status, content = self._answer(body)
            text = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def _answer(self, body: dict[str, Any]) -> tuple[int, Any]:
            if self.path == "/auth/token":
                if body != {"username": "ci", "password": "s3cret"}:
                    return 401, {"detail": "Invalid credentials"}
                token = f"t{len(airflow.requests)}"
                airflow.tokens = {token}
                return 201, {"access_token": token}
            if self.headers.get("authorization", "").removeprefix("Bearer ") not in airflow.tokens:
                return 401, {"detail": "Invalid JWT token"}
            return airflow.answer(self.command, self.path, body)

        do_GET = do_POST = _handle  # noqa: N815 - the names of http.server

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    airflow.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield airflow
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
