"""Loading, swapping and unloading versions under a running server, as the ledger names them."""

from __future__ import annotations

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

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry
from .release_record import ReleaseRecord

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
    record: ReleaseRecord,
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
            record.move("eta", version)
            wait_for_champion(client, version)
        callers.wait_for_more(40)
    assert callers.failures == []
    assert {version for _, version, _, _ in callers.answers} == {"1", "2"}
    for _, version, prediction, index in callers.answers:
        assert np.float32(prediction) == expected[version][index]


def wait_for_champion(client: ServerClient, version: str) -> None:
    """Return once a version is the champion."""
    eventually(f"champion {version}", lambda: client.describe("eta")["version"] == version)


def wait_for_candidates(client: ServerClient, *versions: str) -> None:
    """Return once exactly these versions are loaded beside the champion."""
    eventually(
        f"candidates {versions}", lambda: client.describe("eta")["candidates"] == [*versions]
    )


def test_a_candidate_takes_no_traffic_until_it_is_champion(
    own_registry: FolderRegistry,
    record: ReleaseRecord,
    client: ServerClient,
    rows: pl.DataFrame,
    own_server: RunningServer,
) -> None:
    """A named candidate can be scored, the champion's answers stay; a move and a drop do their
    work.
    """
    public = f"{own_server.url}/models/eta/invocations"
    record.name("2")
    wait_for_candidates(client, "2")
    scored = client.predict_version("eta", "2", rows, chunk_rows=7)
    expected = ModelBundle.load(*own_registry.bundle("eta", "2")).predict(rows)
    assert np.array_equal(np.asarray(scored, dtype=np.float32), expected)
    assert httpx.post(public, content=split_body(rows), headers=JSON).json()["version"] == "1"
    record.move("eta", "2")
    wait_for_champion(client, "2")
    answer = httpx.post(public, content=split_body(rows), headers=JSON)
    assert answer.headers["x-model-version"] == "2"
    assert client.describe("eta")["candidates"] == []
    named = record.name("1")
    wait_for_candidates(client, "1")
    record.drop(named)
    wait_for_candidates(client)
    with pytest.raises(TerminalError, match="version 1 is not loaded"):
        client.predict_version("eta", "1", rows)


def test_a_candidate_for_another_role_is_not_loaded(
    own_registry: FolderRegistry, record: ReleaseRecord
) -> None:
    """A server in staging loads its own candidates, a server in production the others."""
    record.name("2", server="staging")
    with serving(lambda: own_registry, record.following("staging")) as staging:
        described = httpx.get(f"{staging.url}/models/eta").json()
        assert (described["version"], described["candidates"]) == ("1", ["2"])
        assert record.replica("staging").report.models["eta"].has_loaded("2", None)
    with serving(lambda: own_registry, record.following()) as production:
        assert httpx.get(f"{production.url}/models/eta").json()["candidates"] == []


def test_latency_is_measured_request_by_request(client: ServerClient, rows: pl.DataFrame) -> None:
    """The parity check gets p50 and p99 in milliseconds of as many single-row requests as it asked
    for.
    """
    latency = client.measure_latency("eta", "1", rows, requests=50)
    assert latency.requests == 50
    assert 0.0 < latency.p50_ms <= latency.p99_ms < 5000.0


def failed(record: ReleaseRecord, version: str) -> str:
    """Return the reason that the server reports for a version that it cannot load."""
    return eventually(
        f"version {version} has failed",
        lambda: record.replica().report.models["eta"].failed.get(version),
    )


@pytest.mark.parametrize("file", [MODEL_FILE, FEATURES_FILE])
def test_tampered_files_are_refused_and_the_champion_keeps_serving(
    own_registry: FolderRegistry,
    record: ReleaseRecord,
    own_server: RunningServer,
    rows: pl.DataFrame,
    file: str,
) -> None:
    """A version with files changed since registration is never loaded, and never run."""
    witness = own_registry.root / "witness"
    folder, digest = own_registry.bundle("eta", "2")
    path = folder / file
    path.write_bytes(path.read_bytes() + f"\nopen({str(witness)!r}, 'w')\n".encode())
    named = record.name("2", digest=digest)
    assert "not those that were registered" in failed(record, "2")
    record.drop(named)
    record.move("eta", "2", digest=digest)
    assert "not those that were registered" in failed(record, "2")
    assert not witness.exists()
    reply = httpx.post(
        f"{own_server.url}/models/eta/invocations", content=split_body(rows), headers=JSON
    )
    assert (reply.status_code, reply.json()["version"]) == (200, "1")
    champion = record.replica().report.models["eta"].champion
    assert champion is not None
    assert champion.version == "1"


def test_files_other_than_those_the_ledger_names_are_refused(
    own_registry: FolderRegistry, record: ReleaseRecord, client: ServerClient
) -> None:
    """A version registered with other files is not loaded, though these files are whole."""
    record.name("2", digest="0" * 64)
    assert "registered with other files than the ledger names" in failed(record, "2")
    assert client.describe("eta")["candidates"] == []


def test_missing_files_and_unknown_versions_are_named(
    own_registry: FolderRegistry, record: ReleaseRecord, own_server: RunningServer
) -> None:
    """An unloadable version is reported with the reason."""
    record.name("77", digest="0" * 64)
    assert "there is no such version" in failed(record, "77")
    folder, digest = own_registry.bundle("eta", "2")
    model_file = folder / MODEL_FILE
    saved = model_file.read_bytes()
    model_file.unlink()
    record.name("2", digest=digest)
    assert "the model files of version 2 cannot be read" in failed(record, "2")
    model_file.write_bytes(saved)
    eventually(
        "version 2 is loaded once its files are back",
        lambda: record.replica().report.models["eta"].has_loaded("2", digest),
    )
    assert set(record.replica().report.models["eta"].failed) == {"77"}


def test_a_tampered_champion_stops_no_other_model(
    own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """At start, an unloadable champion is reported, and every other model is served."""
    own_registry.add("late", "1", "binary")
    own_registry.promote("late", "1")
    with (own_registry.bundle("eta", "1")[0] / FEATURES_FILE).open("a") as stream:
        stream.write("# changed\n")
    with serving(lambda: own_registry, own_registry.record.following()) as running:
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


def test_scoring_one_version_asks_for_the_token(
    own_registry: FolderRegistry, own_server: RunningServer, tmp_path: Path
) -> None:
    """No token 401, a wrong one 403, and a server without a token 403 whatever is sent."""
    path = "/models/eta/versions/1/invocations"
    body: dict[str, list[Any]] = {"inputs": []}
    cases: tuple[tuple[dict[str, str], int], ...] = (
        ({}, 401),
        ({"authorization": "Basic x"}, 401),
        ({"authorization": "Bearer é"}, 403),
    )
    for headers, status in cases:
        raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        reply = httpx.post(own_server.url + path, json=body, headers=raw)
        assert reply.status_code == status
    file = tmp_path / "token"
    with serving(
        lambda: own_registry, own_registry.record.following(), read_token=token_reader(file)
    ) as closed:
        bearer = {"authorization": "Bearer None"}
        assert httpx.post(closed.url + path, json=body, headers=bearer).status_code == 403
        bearer = {"authorization": f"Bearer {ensure_token(file)}"}
        assert httpx.post(closed.url + path, json=body, headers=bearer).status_code == 400
        for version in ("١", "1 ", "+1", "01x"):
            reply = httpx.post(
                f"{closed.url}/models/eta/versions/{version}/invocations", json=body, headers=bearer
            )
            assert (reply.status_code, reply.json()["field"]) == (400, "version")
    assert file.stat().st_mode & 0o077 == 0
    assert f"Bearer {ensure_token(file)}" == bearer["authorization"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/models/eta/versions/2"),
        ("DELETE", "/models/eta/versions/2"),
        ("PUT", "/models/eta/champion"),
    ],
)
def test_nobody_pushes_a_version(own_server: RunningServer, method: str, path: str) -> None:
    """There is no route that loads, swaps or unloads, not even with the token."""
    bearer = {"authorization": f"Bearer {own_server.token}"}
    reply = httpx.request(method, own_server.url + path, json={"version": "2"}, headers=bearer)
    assert reply.status_code in (404, 405)


def test_a_server_that_is_away_is_a_transient_error(
    own_registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """No connection may pass, so it is retried; and is_up says whether there is one."""
    with (
        serving(lambda: own_registry, own_registry.record.following()) as running,
        ServerClient(running.url, running.token) as client,
    ):
        assert client.is_up()
    with ServerClient(running.url, running.token) as client:
        assert not client.is_up()
        with pytest.raises(TransientError, match="did not answer"):
            client.predict_version("eta", "1", rows)
