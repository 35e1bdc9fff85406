"""Three model servers behind nginx are one server, whatever happens to one of them.

Tests run in the order written: each starts with the champion of the test before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import orjson
import polars as pl
import pytest
from tests.core.eventually import eventually
from tests.core.release.release_environment import (
    BRITTLE,
    MODEL,
    ReleaseEnvironment,
    another_machine,
    share_files,
)
from tests.core.release.server_process import ServerProcess, free_port, server_process
from tests.core.release.test_release_under_load import steady_load
from tests.core.serving.rollout_client import ask_all

from airworthy.handover import ArmFigures
from airworthy.ledger.events import GuardTrip
from airworthy.predictions.collect import collect
from airworthy.predictions.log_tables import table_uri
from airworthy.release.rollout_flags import set_kill_switch
from airworthy.serving.admin_token import ensure_token
from airworthy.stages import run_stage
from airworthy.traffic.replica_report import ModelReport
from airworthy.traffic.replica_reports import open_replica_reports

from .nginx import Nginx, nginx

KEYS = [f"customer-{number}" for number in range(20_000)]
FEW = KEYS[:300]
STEPS: dict[str, Any] = {"bake": "2s", "guard": {"max_psi": 1000}}
ALL: dict[str, Any] = {**STEPS, "rollout": ["shadow", 10, 50, "full"]}


class Replicas:
    """Model servers, each in a process and with a state folder of its own."""

    def __init__(self, env: ReleaseEnvironment, stack: ExitStack) -> None:
        self.env = env
        self.states: list[Path] = []
        self.running: list[ServerProcess] = []
        self._stack = stack

    def start(self, port: int | None = None) -> ServerProcess:
        """Start a replica on another machine, and wait until it is ready."""
        state = another_machine(self.env.environment, f"machine-{len(self.states)}")
        self.states.append(state)
        reports = open_replica_reports(self.env.environment)
        variables = {"AIRWORTHY_STATE": str(state)}
        server = self._stack.enter_context(server_process(reports, port, **variables))
        self.running.append(server)
        return server

    @property
    def urls(self) -> list[str]:
        """The addresses of the running replicas."""
        return [server.url for server in self.running]

    def reports(self) -> list[ModelReport]:
        """Return the running replicas' reports of the model."""
        return [server.replica().report.models[MODEL] for server in self.running]

    def arms(self) -> list[ArmFigures]:
        """Return the figures of all arms in all running replicas."""
        rollouts = [each.rollout for each in self.reports() if each.rollout is not None]
        return [arm.figures for each in rollouts for arm in (each.champion, each.challenger)]

    def wait_until_all_serve(self) -> int:
        """Wait until all running replicas serve the present step; return its entry."""
        rollout = self.env.traffic.rollout
        assert rollout is not None

        def all_serve() -> bool:
            steps = [each.rollout for each in self.reports()]
            return all(each and each.serves and each.entry == rollout.entry for each in steps)

        eventually("all replicas serve the step", all_serve)
        return rollout.entry

    def collect(self) -> pl.DataFrame:
        """Collect the spools of all machines, also of one that was killed; return the log."""
        for state in self.states:
            collect(self.env.environment.model_copy(update={"state": state}), MODEL)
        return pl.read_delta(table_uri(self.env.environment, MODEL, "predictions"))


CLIENTS = 4


@dataclass
class Callers:
    """Clients without a pause, with few keys; they keep every answer and every failure.

    `cut` are the keys of answers that ended in the middle. No proxy can mend these: the client has
    the beginning already.
    """

    answers: list[tuple[str, str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def call(self, url: str, body: bytes, first: int) -> None:
        """Ask with one key after the other until it is over."""
        with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as client:
            for number in count(first):
                if self.over.is_set():
                    return
                key = FEW[number % len(FEW)]
                headers = {"content-type": "application/json", "x-targeting-key": key}
                try:
                    reply = client.post(
                        f"/models/{MODEL}/invocations", content=body, headers=headers
                    )
                except httpx.RemoteProtocolError:
                    self.cut.append(key)
                    continue
                if reply.status_code != httpx.codes.OK:
                    self.failures.append(reply.text)
                    continue
                answer = reply.json()
                self.answers.append((key, answer["version"], answer["id"]))

    def wait_for(self, more: int) -> None:
        """Wait for so many more answers."""
        expected = len(self.answers) + more
        eventually(f"{more} answers", lambda: len(self.answers) >= expected or self.failures)


@contextmanager
def calling(url: str, body: bytes) -> Iterator[Callers]:
    """Ask from several clients until the block ends."""
    callers = Callers()
    threads = [
        Thread(target=callers.call, args=(url, body, number * 50)) for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        callers.over.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Three replicas that follow one record, and no other server."""
    folder = tmp_path_factory.mktemp("replicas")
    with pytest.MonkeyPatch.context() as variables, ExitStack() as stack:
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        variables.setenv("AIRWORTHY_MODELS", str(folder / "models"))
        share_files(folder, variables)
        env = ReleaseEnvironment(folder)
        ensure_token(env.environment.server_token_file)
        group = Replicas(env, stack)
        for _ in range(3):
            group.start()
        yield group


@pytest.fixture(scope="module")
def proxy(replicas: Replicas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A proxy before the replicas."""
    with nginx(tmp_path_factory.mktemp("nginx"), replicas.urls) as running:
        yield running


@pytest.fixture(scope="module")
def env(replicas: Replicas, proxy: Nginx) -> Iterator[ReleaseEnvironment]:
    """The environment with its servers behind the proxy; version 1 is champion."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_SERVER_URL", proxy.url)
        replicas.env.url = proxy.url
        replicas.env.train("2026-03-20", last="deploy_production")
        yield replicas.env


@pytest.fixture(scope="module")
def brittle(env: ReleaseEnvironment) -> dict[str, Any]:
    """A run with version 2: it fails on rows with more than 255 stops."""
    env.write_spec(features=BRITTLE, **ALL)
    return env.train("2026-03-21")


@pytest.fixture
def begin(
    env: ReleaseEnvironment, brittle: dict[str, Any], replicas: Replicas
) -> Iterator[Callable[[int], dict[str, Any]]]:
    """Begin a canary of hours with version 2 in all replicas; return the run. It ends with the test."""

    def begin(share: int) -> dict[str, Any]:
        env.write_spec(features=BRITTLE, **STEPS | {"rollout": [share, "full"], "bake": "1h"})
        run = env.new_run(brittle)
        assert env.poll(run, share)["state"] == "baking"
        replicas.wait_until_all_serve()
        return run

    yield begin
    env.clean_up()
    eventually(
        "version 1 alone is loaded",
        lambda: all(env.served(url) == ("1", []) for url in replicas.urls),
    )


def served(replicas: Replicas) -> list[str]:
    """Return the champion in each replica."""
    urls = [f"{url}/models/{MODEL}" for url in replicas.urls]
    return [str(httpx.get(url, timeout=60.0).json()["version"]) for url in urls]


def body_of(env: ReleaseEnvironment) -> bytes:
    """Return a request with one row."""
    example = httpx.get(f"{env.url}/models/{MODEL}/example").json()["dataframe_split"]
    return orjson.dumps({"dataframe_split": {**example, "data": example["data"][:1]}})


def test_share_keys_and_kill_switch_hold_over_all_replicas(
    env: ReleaseEnvironment, replicas: Replicas, begin: Callable[[int], dict[str, Any]]
) -> None:
    """Over 20,000 keys the share is within a percentage point; a key has its version in each
    replica; the kill switch sends all of them to the champion.
    """
    begin(10)
    body = body_of(env)
    first = ask_all(env.url, KEYS, body, connections=16, model=MODEL)
    assert abs(sum(version == "2" for version in first.values()) / len(first) - 0.10) < 0.01
    eventually(
        "the reports have all requests",
        lambda: sum(arm.requests for arm in replicas.arms()) == len(KEYS),
    )
    assert all(
        each.rollout is not None and each.rollout.champion.figures.requests > 0.2 * len(KEYS)
        for each in replicas.reports()
    )
    for url in (env.url, *replicas.urls):
        assert ask_all(url, FEW, body, model=MODEL) == {key: first[key] for key in FEW}
    set_kill_switch(env.environment.flags_address, MODEL, on=True)
    eventually(
        "the kill switch is on", lambda: all(each.kill_switch for each in replicas.reports())
    )
    assert set(ask_all(env.url, KEYS[:2000], body, model=MODEL).values()) == {"1"}


def test_a_label_reaches_the_replica_that_predicted(
    env: ReleaseEnvironment, replicas: Replicas, begin: Callable[[int], dict[str, Any]]
) -> None:
    """Answers and labels go through the proxy: each label counts once."""
    begin(50)
    answers = env.predict(90)
    labels = [{"id": answer["id"], "label": 20.0} for answer in answers]
    with httpx.Client(base_url=env.url) as client:
        for start in range(0, len(labels), 7):
            part = {"labels": labels[start : start + 7]}
            client.post(f"/models/{MODEL}/labels", json=part).raise_for_status()
    eventually(
        "each label counts once", lambda: sum(arm.labels for arm in replicas.arms()) == len(labels)
    )


def test_errors_in_one_replica_end_the_rollout_in_all(
    env: ReleaseEnvironment, replicas: Replicas, begin: Callable[[int], dict[str, Any]]
) -> None:
    """Only the second replica gets rows that the challenger fails on: the guard trips, nobody is
    refused, and no replica that has read the end sends anything more to the challenger.
    """
    run, errors = begin(50), []

    def ask() -> None:
        env.predict(20)
        env.predict(20, replicas.urls[1], stops=300)
        challengers = [env.server_rollout(url)["arms"]["challenger"] for url in replicas.urls]
        errors.append([arm["errors"] if arm else 0 for arm in challengers])

    assert env.poll_until(run, 50, between=ask, until=("tripped",))["state"] == "tripped"
    assert max(second for _, second, _ in errors) > 0
    assert {(first, third) for first, _, third in errors} == {(0, 0)}
    [trip] = env.entries_of(run, GuardTrip)
    assert "error rate" in trip.event.reasons[0]
    for url in replicas.urls:
        env.wait_for_step(None, url)
        assert {answer["version"] for answer in env.predict(40, url)} == {"1"}


def test_a_replica_killed_in_mid_canary_loses_nothing(
    env: ReleaseEnvironment,
    replicas: Replicas,
    proxy: Nginx,
    begin: Callable[[int], dict[str, Any]],
) -> None:
    """No request fails but one that had half of its answer, each key stays in its arm, a new replica
    joins the step before it answers, and all that was answered is in the lake once.
    """
    begin(50)
    entry = replicas.wait_until_all_serve()
    body = body_of(env)
    expected = ask_all(env.url, FEW, body, model=MODEL)
    with calling(env.url, body) as callers:
        callers.wait_for(200)
        replicas.running.pop(0).kill()
        callers.wait_for(200)
        port = free_port()
        # The proxy sends requests as soon as it listens.
        proxy.proxy_to([*replicas.urls, f"http://127.0.0.1:{port}"])
        replicas.start(port)
        assert replicas.wait_until_all_serve() == entry
        callers.wait_for(200)
    assert callers.failures == []
    assert len(callers.cut) <= CLIENTS, "a client has one request at a time"
    assert {(key, version) for key, version, _ in callers.answers} == set(expected.items())
    assert ask_all(replicas.urls[-1], FEW, body, model=MODEL) == expected
    log = replicas.collect()
    assert log["id"].is_unique().all()
    assert {request_id for _, _, request_id in callers.answers} <= set(log["request_id"])


def test_nobody_notices_a_release_and_a_rollback(
    env: ReleaseEnvironment, replicas: Replicas, brittle: dict[str, Any], tmp_path: Path
) -> None:
    """Shadow, 10 %, 50 %, full, and back at 200 requests a second: none fails, and all replicas are
    on the champion when a stage has ended.
    """
    env.write_spec(features=BRITTLE, **ALL)
    run = env.new_run(brittle)
    with steady_load(env, tmp_path) as answers:
        for step in ("shadow", 10, 50):
            assert env.poll_until(run, step)["state"] == "done"
        assert run_stage("deploy_production", run)["promoted"] is True
        assert served(replicas) == ["2"] * 3
        request = {"to_version": None, "reason": "to see that nobody notices"}
        back = {"run": {**run["run"], "run_id": "back"}, "rollback_request": request}
        started = time.monotonic()
        assert run_stage("rollback", back)["to_version"] == "1"
        print(f"rollback in {len(replicas.urls)} replicas: {time.monotonic() - started:.1f} s")
        assert served(replicas) == ["1"] * 3
    env.assert_only_champion("1")
    assert [answer for answer in answers if answer["status"] != 200] == []
    assert {answer["version"] for answer in answers} == {"1", "2"}
