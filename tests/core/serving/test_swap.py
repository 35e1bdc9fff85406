"""Loading, swapping and unloading versions under a running server."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from airworthy.bundle import FEATURES_FILE, MODEL_FILE, ModelBundle
from airworthy.errors import TerminalError, TransientError
from airworthy.release.server_client import ServerClient, split_body
from airworthy.serving.admin_token import ensure_token, token_reader
from airworthy.serving.in_process_server import RunningServer, serving

from .conftest import FolderRegistry

JSON = {"content-type": "application/json"}


class Callers:
    """Threads that request predictions without a pause; each answer is kept."""

    def __init__(self, url: str, bodies: list[bytes], count: int = 4) -> None:
        """Start the clients.

        Args:
            url: The address.
            bodies: The requests, used in turn.
            count: How many threads.
        """
        self.answers: list[tuple[int, str, float, int]] = []
        self.failures: list[Exception] = []
        self._stop = threading.Event()
        self._enough = threading.Condition()
        self._threads = [
            threading.Thread(target=self._call, args=(url, bodies)) for _ in range(count)
        ]

    def __enter__(self) -> Callers:
        """Start calling."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, after the answers to the requests under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, number: int) -> None:
        """Return once this many further answers have come."""
        with self._enough:
            bearer = len(self.answers) + number
            assert self._enough.wait_for(
                lambda: len(self.answers) >= bearer or self.failures, timeout=60
            )

    def _call(self, url: str, bodies: list[bytes]) -> None:
        with httpx.Client(timeout=30) as client:
            index = 0
            while not self._stop.is_set():
                index = (index + 1) % len(bodies)
                try:
                    reply = client.post(url, content=bodies[index], headers=JSON).json()
                    answer = (200, reply["version"], reply["predictions"][0], index)
                except Exception as error:
                    self.failures.append(error)
                    answer = (0, "", 0.0, index)
                with self._enough:
                    self.answers.append(answer)
                    self._enough.notify_all()


def test_swaps_under_load_drop_nothing_and_mix_nothing(
    own_registry: FolderRegistry,
    own_server: RunningServer,
    client: ServerClient,
    rows: pl.DataFrame,
) -> None:
    """While the champion changes back and forth, every request is answered by the named version."""
    bodies = [split_body(rows[n : n + 1]) for n in range(rows.height)]
    expected = {
        v: ModelBundle.load(*own_registry.bundle("eta", v)).predict(rows) for v in ("1", "2")
    }
    with Callers(f"{own_server.url}/models/eta/invocations", bodies) as callers:
        for version in ("2", "1") * 5:
            callers.wait_for_more(40)
            client.swap("eta", version)
        callers.wait_for_more(40)
    assert callers.failures == []
    assert {version for _, version, _, _ in callers.answers} == {"1", "2"}
    for _, version, prediction, index in callers.answers:
        assert np.float32(prediction) == expected[version][index]


def test_a_candidate_takes_no_traffic_until_it_is_swapped_in(
    own_registry: FolderRegistry,
    client: ServerClient,
    rows: pl.DataFrame,
    own_server: RunningServer,
) -> None:
    """A loaded candidate can be scored, the champion's answers stay; swap and unload do their work."""
    public = f"{own_server.url}/models/eta/invocations"
    client.load_candidate("eta", "2")
    scored = client.predict_version("eta", "2", rows, chunk_rows=7)
    expected = ModelBundle.load(*own_registry.bundle("eta", "2")).predict(rows)
    assert np.array_equal(np.asarray(scored, dtype=np.float32), expected)
    assert httpx.post(public, content=split_body(rows), headers=JSON).json()["version"] == "1"
    assert client.describe("eta")["candidates"] == ["2"]
    assert client.swap("eta", "2") == "1"
    assert (
        httpx.post(public, content=split_body(rows), headers=JSON).headers["x-model-version"] == "2"
    )
    assert (client.describe("eta")["version"], client.describe("eta")["candidates"]) == ("2", [])
    assert client.swap("eta", "2") == "2"
    with pytest.raises(TerminalError, match="is the champion and cannot be unloaded"):
        client.unload("eta", "2")
    client.load_candidate("eta", "1")
    client.unload("eta", "1")
    with pytest.raises(TerminalError, match="version 1 is not loaded"):
        client.predict_version("eta", "1", rows)


def test_latency_is_measured_request_by_request(client: ServerClient, rows: pl.DataFrame) -> None:
    """The parity check gets p50 and p99 in milliseconds of as many single-row requests as it asked
    for.
    """
    latency = client.measure_latency("eta", "1", rows, requests=50)
    assert latency.requests == 50
    assert 0.0 < latency.p50_ms <= latency.p99_ms < 5000.0


@pytest.mark.parametrize("file", [MODEL_FILE, FEATURES_FILE])
def test_tampered_files_are_refused_and_the_champion_keeps_serving(
    own_registry: FolderRegistry,
    own_server: RunningServer,
    client: ServerClient,
    rows: pl.DataFrame,
    file: str,
) -> None:
    """A version with files changed since registration is never loaded, and never run."""
    witness = own_registry.root / "witness"
    path = own_registry.bundle("eta", "2")[0] / file
    path.write_bytes(path.read_bytes() + f"\nopen({str(witness)!r}, 'w')\n".encode())
    for action in (client.load_candidate, client.swap):
        with pytest.raises(
            TerminalError, match=r"409: the model files in .* are not those that were registered"
        ):
            action("eta", "2")
    assert not witness.exists()
    reply = httpx.post(
        f"{own_server.url}/models/eta/invocations", content=split_body(rows), headers=JSON
    )
    assert (reply.status_code, reply.json()["version"]) == (200, "1")


def test_missing_files_and_unknown_versions_are_a_409(
    own_registry: FolderRegistry, client: ServerClient
) -> None:
    """An unloadable version is reported with the reason, and is no server error."""
    (own_registry.bundle("eta", "2")[0] / MODEL_FILE).unlink()
    with pytest.raises(
        TerminalError, match="409: eta: the model files of version 2 cannot be read"
    ):
        client.load_candidate("eta", "2")
    with pytest.raises(TerminalError, match="409: eta: there is no such version"):
        client.swap("eta", "77")


def test_a_tampered_champion_stops_no_other_model(
    own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """At start, an unloadable champion is reported, and every other model is served."""
    own_registry.add("late", "1", "binary")
    own_registry.promote("late", "1")
    with (own_registry.bundle("eta", "1")[0] / FEATURES_FILE).open("a") as stream:
        stream.write("# changed\n")
    with serving(lambda: own_registry) as running:
        ready = httpx.get(f"{running.url}/health/ready")
        assert ready.status_code == 200
        assert ready.json()["models"] == ["late"]
        assert "not those that were registered" in ready.json()["failed"]["eta"]
        refused = httpx.post(
            f"{running.url}/models/eta/invocations", content=split_body(rows), headers=JSON
        )
        assert refused.status_code == 409
        served = httpx.post(
            f"{running.url}/models/late/invocations", content=split_body(rows), headers=JSON
        )
        assert served.status_code == 200


ADMINISTRATION: list[tuple[str, str, dict[str, Any] | None]] = [
    ("PUT", "/models/eta/versions/2", None),
    ("DELETE", "/models/eta/versions/2", None),
    ("PUT", "/models/eta/champion", {"version": "2"}),
    ("POST", "/models/eta/versions/1/invocations", {"inputs": []}),
]


@pytest.mark.parametrize(("method", "path", "body"), ADMINISTRATION)
def test_administration_asks_for_the_token(
    own_registry: FolderRegistry,
    own_server: RunningServer,
    tmp_path: Path,
    method: str,
    path: str,
    body: Any,
) -> None:
    """No token 401, a wrong one 403, and a server without a token 403 whatever is sent; nothing is
    changed.
    """
    cases: tuple[tuple[dict[str, str], int], ...] = (
        ({}, 401),
        ({"authorization": "Basic x"}, 401),
        ({"authorization": "Bearer é"}, 403),
    )
    for headers, status in cases:
        raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        assert (
            httpx.request(method, own_server.url + path, json=body, headers=raw).status_code
            == status
        )
    file = tmp_path / "token"
    with serving(lambda: own_registry, read_token=token_reader(file)) as closed:
        bearer = {"authorization": "Bearer None"}
        assert (
            httpx.request(method, closed.url + path, json=body, headers=bearer).status_code == 403
        )
        token = ensure_token(file)
        opened = httpx.request(
            method, closed.url + path, json=body, headers={"authorization": f"Bearer {token}"}
        )
        assert opened.status_code not in (401, 403)
    assert file.stat().st_mode & 0o077 == 0
    assert ensure_token(file) == token
    assert json.loads(httpx.get(f"{own_server.url}/models/eta").content)["version"] == "1"


def test_a_server_that_is_away_is_a_transient_error(
    own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """No connection may pass, so it is retried; and is_up says whether there is one."""
    with (
        serving(lambda: own_registry) as running,
        ServerClient(running.url, running.token) as client,
    ):
        assert client.is_up()
    with ServerClient(running.url, running.token) as client:
        assert not client.is_up()
        with pytest.raises(TransientError, match="did not answer"):
            client.predict_version("eta", "1", rows)
