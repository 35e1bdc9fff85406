"""One client stops nobody: each attack goes on while a bystander asks, and is refused or ended.

Times are not compared here: benchmarks/bystander.py measures the bystander's waits.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from tests.core.eventually import eventually
from tests.core.serving.conftest import FolderRegistry

from airworthy.bundle import Manifest
from airworthy.predictions.spool import PredictionLog
from airworthy.protocol.refusals import RefusedError
from airworthy.server_limits import ServerLimits
from airworthy.serving.client_budgets import SpoolShare
from airworthy.serving.in_process_server import RunningServer, serving

PROJECT = Path(__file__).resolve().parents[2]
URL = "/models/eta/invocations"
ROW = {
    "picked_up_at": "2026-01-05T08:00:00Z",
    "distance_km": 3.5,
    "parcels": 2,
    "city": "Oslo",
    "express": True,
    "note": "x",
}
ONE_ROW = json.dumps({"inputs": [ROW]}).encode()
MIB = 1024 * 1024
HEAD = (
    f"POST {URL} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    "content-length: 1000000\r\n\r\n"
).encode()
TIGHT = {
    "header_time": "1s",
    "gap_time": "1s",
    "body_time": "3s",
    "read_time": "1s",
    "connections": 40,
    "connections_per_address": 20,
    "held_bytes": 4 * MIB,
    "held_bytes_per_address": 2 * MIB,
    "large_requests": 4,
    "large_requests_per_address": 2,
    "spool_bytes_per_address": MIB,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> FolderRegistry:
    """One model with a champion."""
    registry = FolderRegistry(tmp_path_factory.mktemp("models"))
    registry.add("eta", "1")
    registry.promote("eta", "1")
    return registry


@pytest.fixture(scope="module")
def tight(
    models: FolderRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server with a log and small limits."""
    following = models.record.following(limits=TIGHT)
    log = PredictionLog(tmp_path_factory.mktemp("spool"))
    with serving(lambda: models, following, prediction_log=log) as running:
        yield running


def connect(server: RunningServer, source: str = "127.0.0.1") -> socket.socket:
    """Return a connection from an address of this machine."""
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))


def answer(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def status(connection: socket.socket) -> int:
    """Return the status of the answer; 0: the server closed without one."""
    received = answer(connection)
    return int(received[9:12]) if received else 0


def bystander(server: RunningServer) -> httpx.Response:
    """Ask for one row on a new connection."""
    return httpx.post(
        server.url + URL, content=ONE_ROW, headers={"content-type": "application/json"}, timeout=60
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * 500,
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\na: " + b"b" * MIB,
        b"GET /" + b"a" * MIB,
        b"GET /health/live HTTP/1.1\r\n" + b"a" * MIB,
    ],
    ids=["many headers", "a long header", "a long path", "a long name"],
)
def test_heads_are_limited_in_size_and_number(tight: RunningServer, head: bytes) -> None:
    """A head that does not end is refused long before the memory is full."""
    with connect(tight) as connection:
        for start in range(0, len(head), 20_000):
            try:
                connection.sendall(head[start : start + 20_000])
            except ConnectionError:
                break
        assert status(connection) in (431, 0)
    assert bystander(tight).status_code == 200


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"POST /models/eta/invoca"], 408),
        ([b""], 0),
        ([b"\r\n", b"\r\n"], 0),
        ([HEAD], 408),
        ([HEAD, b'{"inputs": ['], 408),
        ([HEAD.replace(b"content-length: 1000000", b"transfer-encoding: chunked"), b"5\r\n"], 408),
    ],
    ids=["half a head", "nothing", "empty lines", "no body", "half a body", "half a chunk"],
)
def test_a_request_that_does_not_come_is_not_waited_for(
    tight: RunningServer, pieces: list[bytes], expected: int
) -> None:
    """Its connection ends, with an answer if the request had begun."""
    with connect(tight) as connection:
        for piece in pieces:
            connection.sendall(piece)
        assert status(connection) == expected


def test_a_body_that_drips_is_not_waited_for(tight: RunningServer) -> None:
    """A byte now and then holds a connection no longer than the whole body may take."""
    with connect(tight) as connection:
        connection.sendall(HEAD)
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.2):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert status(connection) in (408, 0)
        ended.set()
        dripping.join()


@pytest.mark.parametrize("chunk", [b"1;" + b"x" * 10_000, b"0\r\n" + b"a: b\r\n" * 20_000])
def test_chunks_that_carry_nothing_are_refused(tight: RunningServer, chunk: bytes) -> None:
    """Neither extensions of chunks nor trailers bypass the limits of head and body."""
    head = HEAD.replace(b"content-length: 1000000", b"transfer-encoding: chunked")
    with connect(tight) as connection:
        connection.sendall(head)
        for _ in range(300):
            try:
                connection.sendall(chunk)
            except ConnectionError:
                break
        assert status(connection) in (400, 431, 0)
    assert bystander(tight).status_code == 200


def test_an_answer_that_is_not_taken_is_not_kept(tight: RunningServer) -> None:
    """A client that asks on and on and reads nothing is closed."""
    with connect(tight) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"

        def closed() -> bool:
            try:
                connection.settimeout(1)
                connection.sendall(request)
            except TimeoutError:
                return False
            except OSError:
                return True
            return False

        eventually("the server closes the connection", closed)


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("sent", [b"", b"POST /models/eta/", HEAD], ids=["silent", "head", "body"])
def test_connections_that_ask_nothing_give_way(
    tight: RunningServer, sent: bytes, source: str
) -> None:
    """One address has a limit, and at the limit a waiting connection ends: never a request's."""
    with ExitStack() as open_ones:
        held = [open_ones.enter_context(connect(tight, source)) for _ in range(100)]
        for connection in held:
            try:
                connection.sendall(sent)
            except OSError:
                continue
            if connection is held[50]:
                assert bystander(tight).status_code == 200
        assert bystander(tight).status_code == 200
        own = psutil.Process()
        port = int(tight.url.rpartition(":")[2])
        established = [
            each
            for each in own.net_connections("tcp")
            if each.laddr and each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
        ]
        assert len(established) <= TIGHT["connections_per_address"] + 5  # type: ignore[operator]


def test_pipelined_requests_are_few(tight: RunningServer) -> None:
    """Thousands of requests in one piece do not wait in memory."""
    request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with connect(tight) as connection:
        connection.sendall(request * 5000)
        assert answer(connection).count(b'"live"') <= 5000
    assert bystander(tight).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/models/eta/champion", (404, 405)),
        ("POST", "/models/eta/versions/1/invocations", (401, 413)),
        ("POST", "/models/eta/labels", (413,)),
        ("POST", "/models/unknown/invocations", (404,)),
        ("DELETE", "/models/eta", (405,)),
        ("POST", URL, (413,)),
    ],
)
def test_a_body_nobody_reads_is_not_taken(
    tight: RunningServer, method: str, path: str, allowed: tuple[int, ...]
) -> None:
    """60 MB are refused by their head: without a token, beyond the limit, at a path without one."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {60 * MIB}\r\n\r\n"
    ).encode()
    with connect(tight) as connection:
        connection.sendall(head)
        # Not one byte of the body is sent, and the answer comes all the same.
        assert status(connection) in allowed


def test_an_early_answer_leaves_a_connection_usable(tight: RunningServer) -> None:
    """A small body that comes after its refusal does not cost the connection."""
    body = b"x" * 1000
    head = b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n"
    with connect(tight) as connection:
        connection.sendall(head)
        assert connection.recv(65536)[9:12] == b"404"
        connection.sendall(body)
        connection.sendall(
            b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        assert b'"live"' in answer(connection)


def large_body(size: int) -> bytes:
    """Return a valid body of one row."""
    return ONE_ROW + b" " * (size - len(ONE_ROW))


def test_bodies_under_way_are_bounded(tight: RunningServer) -> None:
    """Ten half bodies of 1 MB do not all wait in memory: beyond the budget it is 429."""
    head = HEAD.replace(b"1000000", str(2 * MIB).encode())
    with ExitStack() as open_ones:
        sent = []
        for _ in range(6):
            connection = open_ones.enter_context(connect(tight))
            connection.sendall(head + b" " * (MIB - MIB // 8))
            sent.append(connection)
        answers = [answer(each) for each in sent]
        statuses = {int(each[9:12]) for each in answers if each}
        assert 429 in statuses
        assert statuses <= {429, 408}
        refused = next(each for each in answers if each[9:12] == b"429")
        assert b"retry-after: 1\r\n" in refused.lower()
        assert bystander(tight).status_code == 200


def test_one_client_does_not_fill_the_spool(tight: RunningServer) -> None:
    """Its large requests are refused beyond its share; single rows are answered and logged on."""
    body = large_body(300_000)
    headers = {"content-type": "application/json"}
    with httpx.Client(base_url=tight.url, timeout=120) as client:
        replies = [client.post(URL, content=body, headers=headers) for _ in range(6)]
    assert [each.status_code for each in replies] == [200, 200, 200, 429, 429, 429]
    assert int(replies[-1].headers["retry-after"]) > 1
    assert bystander(tight).status_code == 200


def test_a_share_of_the_spool_comes_back() -> None:
    """The next period begins anew, and each address has a share of its own."""
    now = [0.0]
    share = SpoolShare(100, 60.0, lambda: now[0])
    share.take("a", 100)
    share.take("b", 100)
    with pytest.raises(RefusedError) as refused:
        share.take("a", 1)
    assert (refused.value.status, refused.value.retry_after) == (429, 60)
    now[0] = 60.0
    share.take("a", 100)


def test_a_full_spool_loses_records_and_no_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The spool ends at its limit, is told when it is near, and goes on when it was collected."""
    manifest = Manifest(model="eta", task="regression", inputs={"x": "float"}, features=[])
    log = PredictionLog(tmp_path, segment_bytes=50_000, limit=100_000)

    def record(size: int) -> bool:
        return log.record("id", "eta", "1", "champion", "", b"x" * size, [1.0], manifest)

    assert record(45_000)
    assert record(45_000)
    assert log.quota.measure() > 80_000
    assert "beyond them answers are not logged" in caplog.text
    assert not record(45_000)
    assert log.lost == 1
    log.close()
    for segment in tmp_path.rglob("*.seg"):
        segment.unlink()
    assert log.quota.measure() < 10_000
    assert record(45_000)


def test_large_bodies_are_scored_and_refused_as_small_ones(models: FolderRegistry) -> None:
    """In a process of their own: the same predictions, the same refusals, the same fields."""
    rows, others = 3_000, scoring_children()
    with (
        serving(lambda: models, models.record.following()) as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        one = client.post(URL, json={"inputs": [ROW]}).json()["predictions"]
        many = client.post(URL, json={"inputs": [ROW] * rows})
        assert many.json()["predictions"] == one * rows
        wrong: list[dict[str, Any]] = [ROW] * rows
        wrong[7] = ROW | {"parcels": "many"}
        refused = client.post(URL, json={"inputs": wrong})
        assert (refused.status_code, refused.json()["field"]) == (400, "parcels")
        assert refused.json()["row"] == 7
        labels = [{"id": f"{number:032x}", "label": 1} for number in range(5_000)]
        taken = client.post("/models/eta/labels", json={"labels": labels})
        assert taken.json()["received"] == len(labels)
        labels[3] = {"id": "a:b:c", "label": 1}
        refused = client.post("/models/eta/labels", json={"labels": labels})
        assert (refused.status_code, refused.json()["field"]) == (400, "labels.3.id")
        (child,) = scoring_children() - others
        child.kill()
        eventually("it ends", lambda: not child.is_running())
        replies = [client.post(URL, json={"inputs": [ROW] * rows}) for _ in range(2)]
        assert replies[-1].json()["predictions"] == one * rows
    eventually("no process is left", lambda: scoring_children() <= others)


def scoring_children() -> set[psutil.Process]:
    """Return the processes of this one that score."""
    return spawned_by(psutil.Process())


def spawned_by(parent: psutil.Process) -> set[psutil.Process]:
    """Return the running children that multiprocessing has started."""
    spawned = set()
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            if any("spawn_main" in part for part in child.cmdline()):
                spawned.add(child)
    return spawned


@contextmanager
def served(root: Path, workers: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a server until the block ends; see `worker_server`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    module = "tests.core.serving.worker_server"
    command = [sys.executable, "-m", module, str(root), str(port), str(workers)]
    url = f"http://127.0.0.1:{port}"
    with (root / f"server-{workers}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)
        try:
            eventually("the server is ready", lambda: is_ready(url), 600)
            yield process, url
        finally:
            process.terminate()
            process.wait(60)


def is_ready(url: str) -> bool:
    """Tell whether a server is ready."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=60).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_under_load_loses_no_request(models: FolderRegistry, workers: int) -> None:
    """New and kept connections are answered all the time, by the old server or the new one."""
    with served(models.root, workers) as (process, url):
        before = replicas(process, workers)
        ended = threading.Event()
        failures: list[str] = []
        answered = [0, 0]
        clients = [
            threading.Thread(target=load, args=(url, keep, ended, failures, answered))
            for keep in (True, False)
        ]
        for client in clients:
            client.start()
        try:
            eventually("both clients are answered", lambda: min(answered) > 20)
            os.kill(process.pid, signal.SIGUSR2)
            eventually(
                "all processes are new", lambda: not before & replicas(process, workers), 600
            )
            count = list(answered)
            eventually(
                "the new server answers both",
                lambda: all(now > then + 20 for now, then in zip(answered, count, strict=True)),
            )
        finally:
            ended.set()
            for client in clients:
                client.join()
        assert failures == []
        assert process.poll() is None


def load(
    url: str, keep: bool, ended: threading.Event, failures: list[str], answered: list[int]
) -> None:
    """Ask again and again, on one connection or on a new one each time."""
    most = 1 if keep else 0
    limits = httpx.Limits(max_keepalive_connections=most)
    with httpx.Client(base_url=url, limits=limits, timeout=120) as client:
        while not ended.is_set():
            try:
                reply = client.post(
                    URL, content=ONE_ROW, headers={"content-type": "application/json"}
                )
                if reply.status_code != 200:
                    failures.append(reply.text)
                answered[keep] += 1
            except httpx.HTTPError as error:
                failures.append(repr(error))


def replicas(process: subprocess.Popen[bytes], workers: int) -> set[tuple[int, float]]:
    """Return the processes that serve: workers, or the one process and its present program."""
    if workers == 1:
        # The new program has the variable that the old one set.
        environ = psutil.Process(process.pid).environ()
        return {(process.pid, float("AIRWORTHY_HANDED_SOCKET" in environ))}
    own = psutil.Process(process.pid)
    return {(child.pid, child.create_time()) for child in spawned_by(own)}


def test_limits_of_one_address_leave_room_for_others() -> None:
    """Limits that one client could fill for all are refused, with the key."""
    with pytest.raises(ValueError, match="connections_per_address"):
        ServerLimits(connections=10, connections_per_address=11)
    assert orjson.loads(ServerLimits().model_dump_json())["rows"] == 20_000
