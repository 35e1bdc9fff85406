"""A new champion is watched through a real server: bad ones go back, and nobody else is hurt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.handover import ArmFigures, WatchStatus
from airworthy.ledger.events import (
    AliasMove,
    RollbackCompleted,
    RollbackDrill,
    RolloutStep,
    WatchEnded,
    WatchTripped,
)
from airworthy.release.release_rules import release_rules
from airworthy.release.watch_record import rollback_of
from airworthy.spec import load_spec
from airworthy.stages import run_stage
from airworthy.traffic.replica_reports import open_replica_reports

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .release_environment import BRITTLE, MODEL, ReleaseEnvironment, open_release_environment

WATCHED: dict[str, Any] = {
    "watch": "1h",
    "rollout": ["full"],
    "guard": {"min_requests": 40, "min_labels": 40, "p99_ms": 60_000},
}
Shows = Callable[[ArmFigures], bool]
TOO_MANY_STOPS = {"stops": 100_000}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment with a champion, version 1."""
    with open_release_environment(tmp_path_factory.mktemp("release")) as opened:
        yield opened


def released(env: ReleaseEnvironment, features: str = BRITTLE, **release: Any) -> dict[str, Any]:
    """Release a new version with a watch, and return the payload of its run."""
    env.write_spec(features=features, **{**WATCHED, **release})
    payload = env.train(
        "2026-03-21",
        last="deploy_production",
        parameters={"learning_rate": 0.3 + len(env.entries()) / 1e5},
    )
    assert payload["deployment"]["promoted"] is True
    version = payload["version"]["version"]
    eventually("it answers", lambda: env.served()[0] == version)
    return payload


def look(payload: dict[str, Any]) -> dict[str, Any]:
    """Look at the champion once."""
    return run_stage("watch", {"run": {**payload["run"], "run_id": "watch"}})


def go_back(payload: dict[str, Any], status: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Roll back as the watch's DAG does."""
    request = rollback_of(WatchStatus.model_validate(status))
    run = {**payload["run"], "run_id": run_id}
    return run_stage("rollback", {"run": run, "rollback_request": request})


@contextmanager
def customer(env: ReleaseEnvironment) -> Iterator[list[int]]:
    """Send good requests all the time until the block ends; the list has the statuses."""
    body = httpx.get(f"{env.url}/models/{MODEL}/example").json()
    statuses: list[int] = []
    ended = Event()

    def ask() -> None:
        with httpx.Client(base_url=env.url, timeout=60) as client:
            while not ended.is_set():
                reply = client.post(f"/models/{MODEL}/invocations", json=body)
                statuses.append(reply.status_code)
                ended.wait(0.02)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def label(env: ReleaseEnvironment, answers: list[dict[str, Any]], error: float) -> None:
    """Send labels that are off by an error."""
    labels = [{"id": each["id"], "label": each["predictions"][0] + error} for each in answers]
    reply = httpx.post(f"{env.url}/models/{MODEL}/labels", json={"labels": labels})
    assert reply.raise_for_status().json()["joined"] == len(labels)


def errors(env: ReleaseEnvironment) -> Shows:
    """Send requests that the version cannot answer; their failure is its own."""
    body = httpx.get(f"{env.url}/models/{MODEL}/example").json()["dataframe_split"]
    row = dict(zip(body["columns"], body["data"][0], strict=True)) | TOO_MANY_STOPS
    split = {"columns": list(row), "data": [list(row.values())]}
    for _ in range(30):
        reply = httpx.post(f"{env.url}/models/{MODEL}/invocations", json={"dataframe_split": split})
        assert reply.status_code == 400
    return lambda figures: figures.errors >= 30


def slow(env: ReleaseEnvironment) -> Shows:
    """Let the answers take longer than the spec allows."""
    env.write_spec(features=BRITTLE, **{**WATCHED, "guard": {**WATCHED["guard"], "p99_ms": 0.001}})
    return lambda figures: figures.requests >= 100


def wrong(env: ReleaseEnvironment) -> Shows:
    """Send labels that are far from the answers."""
    label(env, env.predict(200), 100.0)
    return lambda figures: figures.labels >= 250


@pytest.mark.parametrize(
    ("trouble", "words"), [(errors, "error rate"), (slow, "latency"), (wrong, "quality")]
)
def test_a_bad_champion_goes_back_and_nobody_else_is_hurt(
    env: ReleaseEnvironment, trouble: Callable[[ReleaseEnvironment], Shows], words: str
) -> None:
    """Good for a while, then bad: the first look at a report of it trips, version 1 serves again, no
    request failed by the going back, and the ledger says why.
    """
    payload = released(env)
    version = payload["version"]["version"]
    with customer(env) as statuses:
        label(env, env.predict(50), 0.5)
        eventually("the report has them", lambda: _reported(env).labels >= 50)
        assert look(payload)["state"] == "watching"
        shows_it = trouble(env)
        # A look sees what the servers have reported.
        eventually("a report has the trouble", lambda: shows_it(_reported(env)))
        status = look(payload)
        assert (status["state"], status["version"]) == ("tripped", version)
        assert go_back(payload, status, f"back-{version}")["to_version"] == "1"
        before = len(statuses)
        eventually("requests after it", lambda: len(statuses) > before + 20)
    assert set(statuses) == {200}
    env.assert_only_champion("1")
    trip = env.entries_of(None, WatchTripped)[-1].event
    assert trip.version == version
    assert [reason for reason in trip.reasons if reason.startswith(words)]
    assert trip.figures is not None
    assert trip.figures.requests > 50
    done = env.entries_of(None, RollbackCompleted)[-1].event
    assert (done.from_, done.to) == (version, "1")
    assert words in done.reason
    # It does not bounce: the version gone back to is not watched.
    assert look(payload)["state"] == "none"
    assert len(env.entries_of(None, WatchTripped, WatchEnded)) == len(
        {e.event.champion_entry for e in env.entries_of(None, WatchTripped, WatchEnded)}
    )


def test_a_newer_champion_ends_a_watch(env: ReleaseEnvironment) -> None:
    """The end is recorded once with its reason, and the newer version is watched. A rollback from
    the older one is refused.
    """
    older = released(env)
    status = look(older)
    newer = released(env)
    assert look(newer)["version"] == newer["version"]["version"]
    look(newer)
    (end,) = [
        entry.event
        for entry in env.entries_of(None, WatchEnded)
        if entry.event.version == older["version"]["version"]
    ]
    assert end.outcome == "superseded"
    assert newer["version"]["version"] in end.reasons[0]
    with pytest.raises(TerminalError, match="champion no more"):
        go_back(older, status, "late")


def test_a_watch_leaves_the_version_although_a_rollout_is_on(env: ReleaseEnvironment) -> None:
    """The bad champion goes, and not the challenger beside it alone."""
    payload = released(env)
    challenger = env.train("2026-03-21", last="deploy_staging", parameters={"learning_rate": 0.29})
    env.write_spec(features=BRITTLE, **{**WATCHED, "rollout": [10, "full"], "bake": "1h"})
    assert env.poll(challenger, 10)["state"] == "baking"
    status = {**look(payload), "reasons": ["it is bad"]}
    done = go_back(payload, status, "beside-a-rollout")
    assert done["from_version"] == payload["version"]["version"]
    assert env.traffic.rollout is None
    assert env.traffic.champion_version == done["to_version"]
    assert env.entries_of(challenger, RolloutStep)


def test_a_watch_without_traffic_says_that_nothing_was_watched(env: ReleaseEnvironment) -> None:
    """Nothing trips, and the end says so; with traffic it ends well. The command tells."""
    quiet = released(env, watch="1s")
    runner = CliRunner()
    result = runner.invoke(app, ["watch", MODEL])
    assert (result.exit_code, "nothing was watched" in result.stdout) == (0, True)
    assert look(quiet)["state"] == "over"
    assert env.entries_of(None, WatchEnded)[-1].event.outcome == "not_watched"
    released(env, watch="5s")
    env.predict(60)
    assert runner.invoke(app, ["watch", MODEL]).exit_code == 0
    end = env.entries_of(None, WatchEnded)[-1].event
    assert (end.outcome, end.judged) == ("well", ["error_rate", "latency"])
    assert end.figures is not None
    assert end.figures.requests == 60


def test_the_command_goes_back_and_tells_so(env: ReleaseEnvironment) -> None:
    """`airworthy watch` ends with 3 when the champion was bad, and another one serves."""
    payload = released(env)
    errors(env)
    result = CliRunner().invoke(app, ["watch", MODEL, "--json"])
    assert result.exit_code == 3, result.output
    status, rollback = [json.loads(line) for line in result.stdout.splitlines()]
    assert (status["model"], status["state"]) == (MODEL, "tripped")
    assert rollback["from_version"] == payload["version"]["version"]
    assert env.traffic.champion_version != payload["version"]["version"]


def test_a_drill_goes_back_and_forth_and_production_stays(env: ReleaseEnvironment) -> None:
    """Both ways are timed and recorded; traffic, champion and loaded versions are as before."""
    released(env)
    champion, moves = env.served()[0], len(env.alias_moves())
    with customer(env) as statuses:
        result = CliRunner().invoke(app, ["drill", MODEL, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["champion"] == champion
    assert set(statuses) <= {200}
    drill = env.entries_of(None, RollbackDrill)[-1].event
    assert (drill.passed, drill.champion) == (True, champion)
    assert drill.back_seconds is not None
    assert drill.forth_seconds is not None
    assert len(env.alias_moves()) == moves
    env.assert_only_champion(champion)


def test_null_is_not_watched_and_a_missing_key_takes_the_default(env: ReleaseEnvironment) -> None:
    """A spec's null says: not watched. Without the key, the environment decides: unset, a day."""
    watches = []
    for release in ({"watch": None}, {"watch": "2h"}, {}):
        env.write_spec(**release)
        spec = load_spec(env.folder / "model.yaml")
        settings = env.environment.model_copy(update={"release": type(env.environment.release)()})
        watch = release_rules(spec, settings).watch
        watches.append(watch.total_seconds() if watch else None)
    assert watches == [None, 2 * 3600, 24 * 3600]
    assert env.entries_of(None, AliasMove)[0].event.watched_until is None


def _reported(env: ReleaseEnvironment) -> ArmFigures:
    """Return the figures of the watched champion in the server's last report."""
    [replica] = open_replica_reports(env.environment).read()
    watch = replica.report.models[MODEL].watch
    assert watch is not None
    return watch.whole.figures
