"""A real run of the train DAG with Airflow's OpenLineage provider on: the same events in a file and
over HTTP.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .conftest import DAGS, Scripts, copy_models

MODEL = "traced"


@contextmanager
def collecting_server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of an OpenLineage backend, and its received events."""
    received: list[dict[str, Any]] = []

    class Backend(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/api/v1/lineage":
                received.append(json.loads(body))
            self.send_response(201)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", received
        finally:
            server.shutdown()
            thread.join()


def test_a_runs_events_name_data_and_models_in_a_file_and_over_http(
    scripts: Scripts, tmp_path: Path
) -> None:
    """Each task reports its inputs and outputs: lake table, model version and server, with
    versions.
    """
    copy_models(tmp_path / "models", [MODEL])
    spec = tmp_path / "models" / MODEL / "model.yaml"
    spec.write_text(
        spec.read_text(encoding="utf-8").replace("lookback: 28d", "lookback: 14d"), encoding="utf-8"
    )
    file = tmp_path / "events.jsonl"
    with collecting_server() as (url, received):
        transports = [
            {"type": "file", "log_file_path": str(file), "append": True},
            {"type": "http", "url": url, "endpoint": "api/v1/lineage"},
        ]
        variables = {
            "AIRWORTHY_STATE": str(tmp_path / "state"),
            "AIRWORTHY_MODELS": str(tmp_path / "models"),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "composite", "transports": transports}
            ),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "airworthy",
            "NO_PROXY": "127.0.0.1",
            # A busy machine may be slow to send; an event that is late is not lost.
            "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "120",
        }
        conf = json.dumps({"as_of": "2026-03-20", "promote": "always"})
        result = scripts.run("run_dag.py", variables, str(DAGS), f"{MODEL}__train", conf)
    assert result["state"] == "success"
    written = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert sorted(map(identity, written)) == sorted(map(identity, received))
    ended = {
        event["job"]["name"].rpartition(".")[2]: event
        for event in received
        if event["eventType"] == "COMPLETE"
    }
    assert set(result["tasks"]) <= {
        event["job"]["name"].removeprefix(f"{MODEL}__train.") for event in ended.values()
    }
    lake = ("file", str(tmp_path / "state" / "lake" / MODEL / "data"), "14")
    registered = (f"sqlite:///{tmp_path}/state/mlflow.db", f"models:/{MODEL}", "1")
    assert named(ended["ingest"]["outputs"]) == [lake]
    for task in ("validate", "train", "evaluate"):
        assert named(ended[task]["inputs"])[0] == lake
    assert named(ended["train"]["outputs"]) == named(ended["register"]["inputs"])
    assert (
        named(ended["register"]["outputs"])
        == named(ended["deploy_production"]["inputs"])
        == [registered]
    )
    assert named(ended["deploy_production"]["outputs"])[0][1:] == (f"models/{MODEL}", "1")
    digest = ended["ingest"]["outputs"][0]["facets"]["airworthy"]["about"]["digest"]
    assert ended["validate"]["run"]["facets"]["airworthy"]["result"]["dataset_digest"] == digest
    assertions = ended["validate"]["inputs"][0]["inputFacets"]["dataQualityAssertions"][
        "assertions"
    ]
    assert all(each["success"] for each in assertions)
    assert {event["job"]["namespace"] for event in received} == {"airworthy"}


def identity(event: dict[str, Any]) -> tuple[str, str, str]:
    """Return the event's identity."""
    return event["run"]["runId"], event["eventType"], event["eventTime"]


def named(datasets: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return namespace, name and version of an event's datasets."""
    return [
        (each["namespace"], each["name"], each["facets"]["version"]["datasetVersion"])
        for each in datasets
    ]
