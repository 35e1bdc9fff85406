"""Two runs end at the same moment on two machines, often: one wins, and the record is whole.

The machines have state folders of their own and no disk in common. They share a bucket, with the
lake, the models' files and the flags; MLflow's server; and two model servers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any

import pytest

from airworthy.errors import AirworthyError
from airworthy.ledger import open_ledger
from airworthy.stages import run_stage

from ...repetitions import repetitions  # noqa: TID252 - tests are no installed package
from ..eventually import eventually  # noqa: TID252
from ..mlflow_server import mlflow_server  # noqa: TID252
from ..s3.s3_server import BUCKET, s3_server  # noqa: TID252
from .release_environment import (
    MODEL,
    ReleaseEnvironment,
    another_machine,
    another_replica,
    open_release_environment,
)

ROUNDS = repetitions(2, thorough=50)
_barriers: list[Any] = []


def _start(barrier: Any, states: Any) -> None:
    """Be a process on a machine of its own."""
    os.environ["AIRWORTHY_STATE"] = str(states.get())
    _barriers.append(barrier)


def _attempt(job: tuple[str, dict[str, Any]]) -> str:
    """Run a stage at the same moment as the other process, and return its end."""
    name, payload = job
    _barriers[0].wait(timeout=120)
    try:
        done = run_stage(name, payload)
    except AirworthyError as error:
        return error.problem
    if "matched" in done:
        return "matched" if done["matched"] else "differs"
    return str(done.get("state") or ("promoted" if done["promoted"] else done["reason"]))


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment of several machines with a champion, version 1."""
    folder = tmp_path_factory.mktemp("release")
    bucket = f"s3://{BUCKET}"
    with ExitStack() as stack:
        store = stack.enter_context(s3_server(folder / "s3"))
        variables = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in store.of_tests.items():
            variables.setenv(name, value)
        addresses = {name: f"{bucket}/{name}" for name in ("lake", "artifacts")}
        mlflow = mlflow_server(folder, addresses["artifacts"], store.variables)
        addresses["tracking_uri"] = stack.enter_context(mlflow)
        addresses["flags"] = f"{bucket}/flags.json"
        opened = open_release_environment(folder, many_machines=True, **addresses)
        yield stack.enter_context(opened)


@pytest.fixture(scope="module")
def other_url(env: ReleaseEnvironment) -> Iterator[str]:
    """The address of a second model server."""
    with another_replica(env, "server_machine") as url:
        yield url


@pytest.fixture(scope="module")
def versions(env: ReleaseEnvironment) -> dict[str, dict[str, Any]]:
    """Stage outputs of three releasable versions, by version."""
    payloads = [env.train(as_of) for as_of in ("2026-03-20", "2026-03-21", "2026-03-22")]
    return {payload["version"]["version"]: payload for payload in payloads}


@pytest.fixture(scope="module")
def pair(env: ReleaseEnvironment, other_url: str) -> Iterator[Any]:
    """Two processes on two machines."""
    context = get_context("spawn")
    barrier, states = context.Barrier(2), context.Queue()
    for name in ("machine_a", "machine_b"):
        states.put(another_machine(env.environment, name))
    with context.Pool(2, initializer=_start, initargs=(barrier, states)) as pool:
        yield lambda jobs: pool.map(_attempt, jobs, chunksize=1)


def contenders(
    env: ReleaseEnvironment, versions: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return a run for each other version than the champion, with a verdict against the champion of
    now.
    """
    champion = env.traffic.champion_version
    runs = [
        env.new_run(payload, promote="always")
        for version, payload in versions.items()
        if version != champion
    ]
    return [{**run, "verdict": {**run["verdict"], "champion_version": champion}} for run in runs]


def test_two_releases_at_once(
    env: ReleaseEnvironment, versions: dict[str, dict[str, Any]], pair: Any, other_url: str
) -> None:
    """Each time: exactly one is promoted, the other is told why not; both servers, alias and
    ledger agree.
    """
    for _ in range(ROUNDS):
        runs = contenders(env, versions)
        ends = pair([("deploy_production", run) for run in runs])
        assert sorted(ends) == [
            "another version became champion after the verdict was made",
            "promoted",
        ]
        won = runs[ends.index("promoted")]["version"]["version"]
        assert env.registry.champion(MODEL) == env.served()[0] == env.served(other_url)[0] == won
    eventually("no candidate is left", lambda: env.served()[1] == env.served(other_url)[1] == [])
    moves = env.alias_moves()
    assert len(moves) == 1 + ROUNDS
    assert [move.from_ for move in moves] == [None, *(move.to for move in moves[:-1])]
    assert moves[-1].to == env.registry.champion(MODEL)
    assert open_ledger(env.environment, MODEL).first_broken_entry() is None


def test_two_stagings_of_one_version_at_once(
    env: ReleaseEnvironment, versions: dict[str, dict[str, Any]], pair: Any
) -> None:
    """Each time: a scheduled run and one on new data make the same version, and neither unloads it
    under the other.
    """
    champion = env.traffic.champion_version
    version = next(payload for number, payload in versions.items() if number != champion)
    for _ in range(repetitions(2, thorough=5)):
        assert pair([("deploy_staging", env.new_run(version)) for _ in range(2)]) == [
            "matched",
            "matched",
        ]
    eventually("no candidate is left", lambda: env.served()[1] == [])


def test_two_rollouts_at_once(
    env: ReleaseEnvironment, versions: dict[str, dict[str, Any]], pair: Any
) -> None:
    """Each time: one begins, the other waits and leaves the rollout alone."""
    env.write_spec(rollout=["shadow", "full"], bake="1h")
    for _ in range(repetitions(2, thorough=10)):
        runs = contenders(env, versions)
        ends = pair([("rollout", {**run, "rollout_request": {"step": "shadow"}}) for run in runs])
        assert sorted(ends) == ["baking", "waiting"]
        first = runs[ends.index("baking")]
        expected = (first["run"]["run_id"], first["version"]["version"])
        for rollout in (env.traffic.rollout, env.rollout_flags()):
            assert rollout is not None
            assert (rollout.run_id, rollout.challenger) == expected
        assert env.poll(first, "shadow", stop="the round is over")["state"] == "tripped"
    assert open_ledger(env.environment, MODEL).first_broken_entry() is None
