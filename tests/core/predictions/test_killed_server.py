"""The model server is killed under load: every answered prediction is in the lake, once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psutil
import pytest
from tests.core.champions import make_champion
from tests.core.predictions.conftest import body_of, in_lake
from tests.core.stages.conftest import MakeModel, RunStages, make_model, run_stages

from airworthy.environment import Environment, load_environment
from airworthy.predictions.collect import collect

__all__ = ["make_model", "run_stages"]

LAUNCHER = Path(__file__).with_name("forked_servers.py")
KILLS = 20
ROW = {
    "picked_up_at": "2026-03-20T08:00:00Z", "city": "Bergen", "vehicle": "bike", "weather": "rain", "distance_km": 3.5,
    "stops": 2, "late": False,
}  # fmt: skip


class Load:
    """Clients of whatever server is up, one request after the other; they keep every answer."""

    def __init__(self, bodies: list[bytes], clients: int = 4) -> None:
        self.answers: list[tuple[str, int, float]] = []
        self.unexpected: list[str] = []
        self._bodies = bodies
        self._url: str | None = None
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._call, args=(index,)) for index in range(clients)
        ]
        self._over = False

    def __enter__(self) -> Load:
        """Start the clients; they wait for a server."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the clients end."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def against(self, url: str, answers: int, then: Callable[[], None]) -> None:
        """Request answers from a server, then do something to it while requests go on.

        Args:
            url: The server's address.
            answers: How many answers come first.
            then: Called after them.
        """
        with self._changed:
            self._url = url
            self._changed.notify_all()
            expected = len(self.answers) + answers
            assert self._changed.wait_for(
                lambda: len(self.answers) >= expected or self.unexpected, timeout=60
            )
        then()
        with self._changed:
            self._url = None

    def _call(self, index: int) -> None:
        body = self._bodies[index % len(self._bodies)]
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._url is not None or self._over)
                if self._over:
                    return
                url = str(self._url)
            with httpx.Client() as client:
                self._ask(client, url, body)

    def _ask(self, client: httpx.Client, url: str, body: bytes) -> None:
        """Ask one server until it is gone, or the load is over."""
        while self._url == url and not self._over:
            try:
                reply = client.post(
                    url, content=body, headers={"content-type": "application/json"}, timeout=60
                )
            except httpx.HTTPError:
                return
            with self._changed:
                self._keep(reply)
                self._changed.notify_all()

    def _keep(self, reply: httpx.Response) -> None:
        if reply.status_code != httpx.codes.OK:
            self.unexpected.append(reply.text)
            return
        answer: dict[str, Any] = reply.json()
        self.answers += [
            (answer["id"], row, value) for row, value in enumerate(answer["predictions"])
        ]


@contextmanager
def launcher() -> Iterator[Callable[[int], int]]:
    """Yield a function that starts a server at a port and returns its pid."""
    with subprocess.Popen(
        [sys.executable, str(LAUNCHER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def launch(port: int) -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            print(port, file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield launch
        assert process.stdin is not None
        process.stdin.close()


def test_a_server_killed_twenty_times_under_load_logs_every_answer_once(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Twenty servers, the first by the command, each killed while four clients ask it, and a
    collector goes on.
    """
    model = make_model()
    version = run_stages(model)["version"]["version"]
    environment = load_environment()
    make_champion(environment, model, version)
    bodies = [body_of([ROW]), body_of([ROW] * 3), body_of([ROW] * 100)]
    stop = threading.Event()
    collected = []

    def keep_collecting() -> None:
        while not stop.wait(0.2):
            collected.append(collect(environment, model).predictions)

    collecting = threading.Thread(target=keep_collecting)
    with Load(bodies) as load, launcher() as launch:
        collecting.start()
        try:
            for number in range(KILLS):
                _serve_and_kill(load, launch if number else _by_command, 40 + 17 * number)
        finally:
            stop.set()
            collecting.join()
    assert load.unexpected == []
    collected.append(collect(environment, model).predictions)
    frame = in_lake(environment, model=model)
    assert frame.height == sum(collected)
    assert frame["id"].is_unique().all()
    answered = pl.DataFrame(load.answers, schema=["request_id", "row", "prediction"], orient="row")
    missing = answered.join(frame, on=["request_id", "row", "prediction"], how="anti")
    assert missing.is_empty()
    assert answered.height > 40 * KILLS
    assert frame["unread_body"].null_count() == frame.height


def _serve_and_kill(load: Load, start: Callable[[int], int], answers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = psutil.Process(start(port))
    _wait_until_ready(port)
    load.against(f"http://127.0.0.1:{port}/models/small_model/invocations", answers, server.kill)
    server.wait()


def _by_command(port: int) -> int:
    command = [sys.executable, "-m", "airworthy", "serve", "--port", str(port)]
    return os.posix_spawn(sys.executable, command, os.environ)


def _wait_until_ready(port: int) -> None:
    """Poll the server until it is ready."""
    waiting = threading.Event()
    for _ in range(600):
        try:
            reply = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=60)
        except httpx.HTTPError:
            reply = None
        if reply is not None and reply.status_code == httpx.codes.OK:
            return
        waiting.wait(0.1)
    pytest.fail(f"no server came up at port {port}")
