"""Several model servers on one record: each counts as long as it reports, and all follow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from airworthy.errors import TerminalError
from airworthy.ledger.events import CandidateDropped, GuardTrip
from airworthy.registry.tags import BUNDLE_DIGEST
from airworthy.stages import run_stage
from airworthy.traffic.replica_reports import ReplicaReports, open_replica_reports

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .release_environment import (
    BRITTLE,
    MODEL,
    ReleaseEnvironment,
    another_replica,
    open_release_environment,
)
from .server_process import ServerProcess, server_process
from .test_rollback import roll_back

CANARY: dict[str, Any] = {"rollout": [50, "full"], "bake": "1h", "guard": {"max_psi": 1000}}


@pytest.fixture(scope="module")
def shared_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment of several machines with a champion, version 1."""
    folder = tmp_path_factory.mktemp("release")
    with open_release_environment(folder, many_machines=True) as env:
        yield env


@pytest.fixture(scope="module")
def good(shared_env: ReleaseEnvironment) -> dict[str, Any]:
    """Version 2: unable to answer requests with very many stops."""
    shared_env.write_spec(features=BRITTLE)
    return shared_env.train("2026-03-21")


@pytest.fixture(scope="module")
def urls(shared_env: ReleaseEnvironment, good: dict[str, Any]) -> Iterator[list[str]]:
    """The addresses of three model servers."""
    with (
        another_replica(shared_env, "second") as two,
        another_replica(shared_env, "third") as three,
    ):
        yield [shared_env.url, two, three]


@pytest.fixture
def env(shared_env: ReleaseEnvironment, urls: list[str]) -> Iterator[ReleaseEnvironment]:
    """The environment; whatever the test did, version 1 has all of the traffic after it."""
    shared_env.write_spec(**CANARY)
    yield shared_env
    shared_env.clean_up()
    eventually(
        "version 1 alone is loaded everywhere",
        lambda: all(shared_env.served(url) == ("1", []) for url in urls),
    )
    shared_env.assert_only_champion("1")


@pytest.fixture
def reports(env: ReleaseEnvironment) -> ReplicaReports:
    """The place of the servers' reports."""
    return open_replica_reports(env.environment)


@pytest.fixture
def fourth(env: ReleaseEnvironment, reports: ReplicaReports) -> Iterator[ServerProcess]:
    """A fourth model server, in a process of its own."""
    with server_process(reports) as server:
        yield server


def test_errors_in_one_server_only_trip_the_guard(
    env: ReleaseEnvironment, good: dict[str, Any], urls: list[str]
) -> None:
    """Two servers see good requests, one sees bad ones: all of them lose the challenger."""
    payload = env.new_run(good)
    assert env.poll(payload, 50)["state"] == "baking"
    for url in urls:
        env.wait_for_step(50, url)
        env.predict(10, url)
    assert env.poll(payload, 50)["state"] == "baking"
    status = env.poll_until(payload, 50, lambda: env.predict(20, urls[1], stops=100_000))
    assert "error rate" in status["reasons"][0]
    for url in urls:
        env.wait_for_step(None, url)
    figures = env.entries_of(payload, GuardTrip)[0].event.challenger_figures
    assert figures is not None
    assert figures.requests > figures.errors > 0


def test_a_release_and_a_rollback_reach_every_server(
    env: ReleaseEnvironment, good: dict[str, Any], urls: list[str]
) -> None:
    """When a stage has ended, each server answers with the new champion."""
    env.write_spec(rollout=["full"])
    assert run_stage("deploy_production", env.new_run(good))["promoted"] is True
    assert {env.served(url)[0] for url in urls} == {"2"}
    started = time.perf_counter()
    assert roll_back(MODEL, f"back-{time.time_ns()}", to_version="1")["to_version"] == "1"
    print(f"\na rollback of three servers: {time.perf_counter() - started:.2f} s")
    assert {env.served(url)[0] for url in urls} == {"1"}
    env.make_champion("2")
    env.make_champion("1")


def test_a_server_that_cannot_load_stops_the_release_before_anything_moves(
    env: ReleaseEnvironment, good: dict[str, Any], reports: ReplicaReports
) -> None:
    """A server whose MLflow has another digest is named: no step begins, and no champion moves."""
    from mlflow import MlflowClient

    database = env.environment.state.parent / "other.db"
    shutil.copy(env.environment.tracking_uri.removeprefix("sqlite:///"), database)
    address = f"sqlite:///{database}"
    client = MlflowClient(address, address)
    digest = client.get_model_version(MODEL, "2").tags[BUNDLE_DIGEST]
    client.set_model_version_tag(MODEL, "2", BUNDLE_DIGEST, "0" * 64)
    # Servers of one machine share what they keep: nothing can be kept where a file is.
    kept = env.environment.state / "kept" / MODEL / digest
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()
    with server_process(reports, AIRWORTHY_TRACKING_URI=address) as bad:
        for rollout, stage, more in (
            ([50, "full"], "rollout", {"rollout_request": {"step": 50}}),
            (["full"], "deploy_production", {}),
        ):
            env.write_spec(rollout=rollout, bake="1h")
            payload = env.new_run(good)
            with pytest.raises(
                TerminalError, match="cannot be loaded by the model server"
            ) as error:
                run_stage(stage, {**payload, **more})
            assert bad.replica().name in error.value.problem
            assert (env.traffic.champion_version, env.traffic.rollout) == ("1", None)
            [dropped] = env.entries_of(payload, CandidateDropped)
            assert "other files" in dropped.event.reasons[0]
    kept.unlink()


def test_a_killed_server_is_named_and_its_requests_count(
    env: ReleaseEnvironment, good: dict[str, Any], fourth: ServerProcess
) -> None:
    """Killed in the middle of a canary: what it reported counts, and nobody waits for it."""
    payload = env.new_run(good)
    env.poll(payload, 50)
    env.wait_for_step(50, fourth.url)
    env.predict(40, fourth.url)

    def all_reported() -> bool:
        step = fourth.replica().report.models[MODEL].rollout
        return (
            step is not None
            and sum(arm.figures.requests for arm in (step.champion, step.challenger)) == 40
        )

    eventually("the server has reported its requests", all_reported)
    name = fourth.replica().name
    fourth.kill()
    status = eventually(
        "the killed server is named",
        lambda: (status := env.poll(payload, 50)) and status["reasons"] and status,
    )
    assert [name in reason for reason in status["reasons"]] == [True]
    assert status["champion"]["requests"] + status["challenger"]["requests"] >= 40
    env.write_spec(**{**CANARY, "bake": "1s"})
    assert env.poll_until(payload, 50)["state"] == "done"
    assert run_stage("deploy_production", payload)["promoted"] is True
    env.make_champion("1")


def test_a_server_that_starts_in_a_canary_joins_it(
    env: ReleaseEnvironment, good: dict[str, Any], reports: ReplicaReports
) -> None:
    """It is ready with both versions, in this step, and its requests count at once."""
    payload = env.new_run(good)
    env.poll(payload, 50)
    with server_process(reports) as late:
        described = httpx.get(f"{late.url}/models/{MODEL}").json()
        assert (described["version"], described["candidates"]) == ("1", ["2"])
        status = env.poll_until(
            payload, 50, lambda: env.predict(20, late.url, stops=100_000), until=("tripped",)
        )
    assert "error rate" in status["reasons"][0]
