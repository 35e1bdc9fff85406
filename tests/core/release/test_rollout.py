"""A rollout through a real server: guarded steps, tripping guards, and traffic always given back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pytest

from airworthy.client_tokens import add_client, remove_client
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import DatasetRef
from airworthy.lake.lake import open_lake
from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    CandidateNamed,
    FlagOverride,
    GuardTrip,
    RolloutEnded,
    RolloutStep,
    RolloutStopped,
    StagingCheck,
)
from airworthy.registry.registry import CHALLENGER
from airworthy.release.rollout_flags import clear_rollout, set_kill_switch
from airworthy.release.rollout_steps import ABANDONED_AFTER
from airworthy.stages import run_stage
from airworthy.traffic.replica_reports import open_replica_reports

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .release_environment import BRITTLE, MODEL, WEAK, ReleaseEnvironment, open_release_environment

LONG: dict[str, Any] = {"rollout": ["shadow", 10, 50, "full"], "bake": "1h"}
SHORT: dict[str, Any] = {"rollout": ["shadow", 50, "full"], "bake": "1s"}


@pytest.fixture(scope="module")
def shared_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment with a champion, version 1."""
    with open_release_environment(tmp_path_factory.mktemp("release")) as env:
        yield env


@pytest.fixture(scope="module")
def good(shared_env: ReleaseEnvironment) -> dict[str, Any]:
    """Version 2: as good as version 1, and unable to answer requests with very many stops."""
    shared_env.write_spec(features=BRITTLE)
    return shared_env.train("2026-03-21")


@pytest.fixture(scope="module")
def weak(shared_env: ReleaseEnvironment, good: dict[str, Any]) -> dict[str, Any]:
    """Version 3: it says nearly the same of every delivery."""
    shared_env.write_spec()
    return shared_env.train("2026-03-21", parameters=WEAK)


@pytest.fixture
def env(shared_env: ReleaseEnvironment, good: dict[str, Any]) -> Iterator[ReleaseEnvironment]:
    """The environment; whatever the test did, version 1 serves all of the traffic after it."""
    shared_env.write_spec(**LONG)
    yield shared_env
    shared_env.clean_up()
    shared_env.assert_only_champion("1")


def assert_traffic_given_back(
    env: ReleaseEnvironment,
    payload: dict[str, Any],
    status: dict[str, Any],
    kind: type[RolloutEnded],
    words: str,
) -> None:
    """Assert that the rollout ended with these words, was recorded once, stays ended, and that
    traffic is back.

    Args:
        env: The release environment.
        payload: The run's payload.
        status: Of the last poll.
        kind: Of the ledger event.
        words: In the reasons.
    """
    assert status["state"] == "tripped"
    assert words in " ".join(status["reasons"])
    env.assert_only_champion("1")
    entry = env.entries_of(payload, kind)[-1]
    assert [reason for reason in entry.event.reasons if words in reason]
    assert CHALLENGER not in env.registry.client.get_registered_model(MODEL).aliases
    for step in (status["step"], 50):
        assert env.poll(payload, step)["state"] == "tripped"
    assert run_stage("deploy_production", payload)["promoted"] is False
    assert len(env.entries_of(payload, GuardTrip, RolloutStopped)) == 1


def test_errors_of_the_challenger_trip_the_guard(
    env: ReleaseEnvironment, good: dict[str, Any]
) -> None:
    """Requests failed by the challenger alone get the champion's answer, and end the rollout."""
    payload = env.new_run(good)
    assert env.poll(payload, "shadow")["state"] == "baking"
    env.wait_for_step("shadow")
    status = env.poll_until(payload, "shadow", lambda: env.predict(5, stops=100_000))
    assert_traffic_given_back(env, payload, status, GuardTrip, "error rate 100.00%")
    assert status["challenger"]["errors"] >= 2


def test_what_one_of_several_clients_alone_makes_trip_is_undecided(
    env: ReleaseEnvironment, good: dict[str, Any]
) -> None:
    """Its errors trip nothing. Nobody else has asked, so the step ends without a trip, for a person."""
    file = env.environment.client_tokens_file
    rival, _ = [add_client(file, name) for name in ("rival", "shop")]
    env.write_spec(**SHORT | {"bake": "3s"})
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    env.wait_for_step("shadow")
    reports = open_replica_reports(env.environment)
    eventually(
        "each server reports both clients",
        lambda: all(
            each.report.clients and each.report.clients.known == 2 for each in reports.read()
        ),
    )
    status = env.poll_until(payload, "shadow", lambda: env.predict(5, token=rival, stops=100_000))
    assert_traffic_given_back(env, payload, status, RolloutStopped, "undecided: error_rate")
    assert "client rival alone" in " ".join(status["reasons"])
    for name in ("rival", "shop"):
        remove_client(file, name)


def test_slow_answers_trip_the_guard(env: ReleaseEnvironment, good: dict[str, Any]) -> None:
    """A 99th percentile over the spec's limit ends the rollout, once enough requests were seen."""
    env.write_spec(**LONG, guard={"p99_ms": 0.001, "min_requests": 20})
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    env.wait_for_step("shadow")
    env.predict(10)
    assert env.poll(payload, "shadow")["state"] == "baking"
    status = env.poll_until(payload, "shadow", lambda: env.predict(5))
    assert_traffic_given_back(env, payload, status, GuardTrip, "p99 latency")


def ask_many(
    env: ReleaseEnvironment, payload: dict[str, Any], rows: int
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Send a day's rows one by one, and return them with their answers.

    Args:
        env: The release environment.
        payload: The run's payload.
        rows: How many.
    """
    dataset = DatasetRef.model_validate(payload["dataset"])
    frame = open_lake(env.environment, MODEL).read_partition(dataset, date(2026, 3, 18)).head(rows)
    inputs = list(httpx.get(f"{env.url}/models/{MODEL}").json()["inputs"])
    return frame, env.predict_rows(frame.select(inputs).iter_rows(named=True))


def test_other_predictions_trip_the_guard(env: ReleaseEnvironment, weak: dict[str, Any]) -> None:
    """A challenger with another distribution of answers than the champion's is found in shadow."""
    env.write_spec(**LONG, guard={"min_requests": 60})
    payload = env.new_run(weak)
    env.poll(payload, "shadow")
    env.wait_for_step("shadow")
    ask_many(env, payload, 150)
    status = env.poll_until(payload, "shadow")
    assert_traffic_given_back(env, payload, status, GuardTrip, "distributed otherwise")
    assert status["psi"] > 0.25


def test_a_waived_guard_trips_nothing_and_says_so(
    env: ReleaseEnvironment, weak: dict[str, Any]
) -> None:
    """Each step's entries name the waiver; the end of one has what would have tripped it."""
    waiver = {"limit": "guard", "because": "the model is new in every way"}
    env.write_spec(
        rollout=["shadow", "full"], bake="1s", guard={"min_requests": 60}, waive=[waiver]
    )
    payload = env.new_run(weak)
    env.poll(payload, "shadow")
    env.wait_for_step("shadow")
    ask_many(env, payload, 150)
    assert env.poll_until(payload, "shadow")["state"] == "done"
    begun, done = (entry.event for entry in env.entries_of(payload, RolloutStep))
    assert begun.waivers == done.waivers == ["release guard: the model is new in every way"]
    assert "the guard is waived: the model is new in every way" in done.missing
    tripped = [words for words in done.missing if "it would have tripped" in words]
    assert [words for words in tripped if "distributed otherwise" in words]


def test_labels_that_come_in_trip_the_guard(env: ReleaseEnvironment, weak: dict[str, Any]) -> None:
    """With labels, a greater loss than the champion's ends the rollout."""
    env.write_spec(**LONG, guard={"max_psi": 1000, "min_labels": 30})
    payload = env.new_run(weak)
    env.poll(payload, "shadow")
    env.wait_for_step("shadow")
    frame, answers = ask_many(env, payload, 120)
    labels = [
        {"id": a["id"], "label": label} for a, label in zip(answers, frame["minutes"], strict=True)
    ]
    httpx.post(f"{env.url}/models/{MODEL}/labels", json={"labels": labels}).raise_for_status()
    status = env.poll_until(payload, "shadow")
    assert_traffic_given_back(env, payload, status, GuardTrip, "mean loss")
    assert status["challenger"]["mean_loss"] > status["champion"]["mean_loss"]


def test_steps_end_well_and_say_what_was_judged(
    env: ReleaseEnvironment, good: dict[str, Any]
) -> None:
    """Shadow and canary hold their time; the ledger has the evaluated signals, and the missing
    ones.
    """
    env.write_spec(**SHORT, guard={"min_requests": 5, "p99_ms": 60_000, "max_psi": 1000})
    payload = env.new_run(good)
    assert env.poll(payload, "shadow")["state"] == "baking"
    aliases = env.registry.client.get_registered_model(MODEL).aliases
    assert str(aliases[CHALLENGER]) == good["version"]["version"]
    env.wait_for_step("shadow")
    env.predict(20)
    shadow = env.poll_until(payload, "shadow")
    assert (shadow["state"], shadow["challenger"]["errors"]) == ("done", 0)
    assert {answer["version"] for answer in env.predict(20)} == {"1"}
    begun = env.poll(payload, 50)
    assert (begun["state"], begun["step"]) == ("baking", 50)
    env.wait_for_step(50)
    assert env.served_versions() == {"1", "2"}
    canary = env.poll_until(payload, 50)
    assert canary["state"] == "done"
    steps = [entry.event for entry in env.entries_of(payload, RolloutStep)]
    assert [(step.step, step.state) for step in steps] == [
        ("shadow", "begun"),
        ("shadow", "done"),
        (50, "begun"),
        (50, "done"),
    ]
    assert {"error_rate", "latency", "predictions"} <= set(steps[3].judged)
    assert steps[3].missing == ["quality: 0 of 100 labels came in"]
    assert env.poll(payload, "shadow") == shadow
    until = datetime.fromisoformat(canary["until"])
    assert until - datetime.fromisoformat(canary["since"]) >= timedelta(seconds=1)


def test_a_step_without_traffic_ends_and_claims_nothing(
    env: ReleaseEnvironment, good: dict[str, Any]
) -> None:
    """A model without requests is not stuck for ever; the ledger has no evaluated signal."""
    env.write_spec(**SHORT)
    payload = env.new_run(good)
    status = env.poll_until(payload, "shadow")
    assert status["state"] == "done"
    entry = env.entries_of(payload, RolloutStep)[-1]
    assert entry.event.judged == []
    assert "no request was seen" in " ".join(status["reasons"])


def test_a_look_that_was_cut_off_is_completed(
    env: ReleaseEnvironment, good: dict[str, Any]
) -> None:
    """Killed after it was recorded and before alias and flags were set: the next poll sets them,
    and begins nothing anew.
    """
    payload = env.new_run(good)
    begun = begin_by_hand(env, payload, datetime.now(UTC))
    assert env.rollout_flags() is None
    assert env.poll(payload, "shadow")["state"] == "baking"
    assert [entry.sequence for entry in env.entries_of(payload, RolloutStep)] == [begun]
    assert env.registry.challenger(MODEL) == good["version"]["version"]
    flags, rollout = env.rollout_flags(), env.traffic.rollout
    assert flags is not None
    assert rollout is not None
    assert (flags.run_id, flags.since) == (rollout.run_id, rollout.since)


def begin_by_hand(env: ReleaseEnvironment, payload: dict[str, Any], since: datetime) -> int:
    """Record a shadow step against version 1, and nothing else; return the entry's number."""
    step = RolloutStep(
        version=payload["version"]["version"],
        bundle_digest=payload["version"]["bundle_digest"],
        step="shadow",
        state="begun",
        champion="1",
        since=since,
        until=since,
    )
    ledger = open_ledger(env.environment, MODEL)
    return ledger.append(step, run_id=payload["run"]["run_id"], who="tests").sequence


def test_kill_switch(env: ReleaseEnvironment, good: dict[str, Any]) -> None:
    """Pulled by a person, it ends the rollout; while it is on, none begins."""
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    env.wait_for_step("shadow")
    set_kill_switch(env.environment.flags_file, MODEL, on=True)
    status = env.poll_until(payload, "shadow")
    assert_traffic_given_back(env, payload, status, RolloutStopped, "kill switch")
    held = env.poll(env.new_run(good), "shadow")
    assert held["state"] == "held"
    assert "kill switch" in held["reasons"][0]


def test_projections_moved_by_hand_are_put_back(
    env: ReleaseEnvironment, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """Flags and aliases follow the ledger: whoever moves them changes no traffic, and the next look
    repairs them. A person who wants an end turns the kill switch on.
    """
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    flags = env.rollout_flags()
    clear_rollout(env.environment.flags_address, MODEL)
    client = env.registry.client
    client.set_registered_model_alias(MODEL, "champion", weak["version"]["version"])
    client.delete_registered_model_alias(MODEL, CHALLENGER)
    env.wait_for_step("shadow")
    assert env.served()[0] == "1"
    assert env.poll(payload, "shadow")["state"] == "baking"
    assert env.rollout_flags() == flags
    assert env.registry.champion(MODEL) == "1"
    assert env.registry.challenger(MODEL) == good["version"]["version"]


def test_a_share_set_by_hand_is_recorded_once(
    env: ReleaseEnvironment, good: dict[str, Any]
) -> None:
    """A person's share in the current step holds in the servers, and the ledger says so."""
    env.write_spec(rollout=[10, "full"], bake="1h", guard={"max_psi": 1000})
    payload = env.new_run(good)
    env.poll(payload, 10)
    env.wait_for_step(10)
    path = env.environment.flags_file
    document = json.loads(path.read_text())
    shares = [["challenger", 100], ["champion", 0]]
    document["flags"][f"{MODEL}.rollout"]["targeting"]["fractional"] = shares
    path.write_text(json.dumps(document))
    eventually("everybody gets the challenger", lambda: env.served_versions() == {"2"})

    def overrides() -> list[FlagOverride]:
        env.poll(payload, 10)
        return [entry.event for entry in env.entries_of(payload, FlagOverride)]

    eventually("the override is recorded", overrides)
    [override] = overrides()
    assert (override.flag, len(override.replicas)) == (f"{MODEL}.rollout", 1)
    assert "100" in override.value
    assert env.poll(payload, 10, stop="seen enough")["state"] == "tripped"


def test_stop(env: ReleaseEnvironment, good: dict[str, Any]) -> None:
    """A caller's stop ends the rollout; stopping an unbegun one changes nothing."""
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    status = env.poll(payload, "shadow", stop="the task was cancelled")
    assert_traffic_given_back(env, payload, status, RolloutStopped, "the task was cancelled")
    other = env.new_run(good)
    assert env.poll(other, "shadow", stop="never begun")["state"] == "tripped"
    assert env.entries(other) == []
    assert env.poll(other, "shadow")["state"] == "baking"


def test_traffic_is_given_back_although_the_registry_is_away(
    env: ReleaseEnvironment, good: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow out of reach: a stop takes the traffic anyway; the next poll repairs the alias."""
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    with monkeypatch.context() as away:
        away.setenv("AIRWORTHY_TRACKING_URI", "http://127.0.0.1:9")
        away.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(TransientError):
            env.poll(payload, "shadow", stop="the worker is shut down")
    assert env.traffic.rollout is None
    assert env.rollout_flags() is None
    assert env.registry.challenger(MODEL) == good["version"]["version"]
    env.wait_for_step(None)
    assert_traffic_given_back(
        env, payload, env.poll(payload, "shadow"), RolloutStopped, "the worker is shut down"
    )


def test_one_rollout_of_a_model_at_a_time(
    env: ReleaseEnvironment, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """A second release waits for the first one's rollout and leaves it alone; then it has its turn."""
    first, second = env.new_run(good), env.new_run(weak)
    env.poll(first, "shadow")
    begun = env.traffic.rollout
    for _ in range(2):
        waiting = env.poll(second, "shadow")
        assert waiting["state"] == "waiting"
        assert "version 2" in waiting["reasons"][0]
    assert env.traffic.rollout == begun
    assert env.entries(second) == []
    env.poll(first, "shadow", stop="over")
    assert env.poll(second, "shadow")["state"] == "baking"
    assert env.poll(first, "shadow")["state"] == "tripped"


def test_a_rollout_that_nobody_watches_any_more_stands_in_nobodys_way(
    env: ReleaseEnvironment, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """Its run was killed for good and its time is long over: the next release ends it, and says so."""
    first, second = env.new_run(good), env.new_run(weak)
    begin_by_hand(env, first, datetime.now(UTC) - timedelta(hours=1) - ABANDONED_AFTER)
    assert env.poll(second, "shadow")["state"] == "baking"
    rollout = env.traffic.rollout
    assert rollout is not None
    assert rollout.challenger == weak["version"]["version"]
    assert "watches it no more" in env.entries_of(first, RolloutStopped)[0].event.reasons[0]
    assert env.poll(first, "shadow")["state"] == "tripped"


def test_champion_that_changes_meanwhile(
    env: ReleaseEnvironment, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """A comparison with a former champion is over."""
    payload = env.new_run(good)
    env.poll(payload, "shadow")
    env.make_champion(weak["version"]["version"])
    try:
        status = env.poll(payload, "shadow")
        assert status["state"] == "tripped"
        assert "version 3 became champion meanwhile" in status["reasons"][0]
        assert env.rollout_flags() is None
    finally:
        env.make_champion("1")


def test_nothing_to_compare_with(env: ReleaseEnvironment) -> None:
    """For the champion itself each step ends at once, and the ledger says so."""
    payload = env.new_run(env.train("2026-03-20"))
    status = env.poll(payload, 10)
    assert status["state"] == "done"
    assert "it is the champion" in status["reasons"][0]
    assert env.rollout_flags() is None


def test_step_that_the_rules_do_not_have(env: ReleaseEnvironment, good: dict[str, Any]) -> None:
    """A step of no rollout is refused in words."""
    with pytest.raises(TerminalError, match="no such step"):
        env.poll(env.new_run(good), 33)


def test_flags_that_are_none(env: ReleaseEnvironment, good: dict[str, Any]) -> None:
    """A broken file is named; nothing begins from unreadable flags."""
    path = env.environment.flags_file
    kept = path.read_text()
    path.write_text("{")
    try:
        with pytest.raises(TerminalError, match="does not hold flags"):
            env.poll(env.new_run(good), "shadow")
    finally:
        path.write_text(kept)


def test_a_whole_release(shared_env: ReleaseEnvironment, good: dict[str, Any]) -> None:
    """Approved, guarded step by step, and then champion: alias, server, flags and ledger agree. It
    is the last here.
    """
    shared_env.write_spec(**SHORT, approval="required", guard={"min_requests": 5, "max_psi": 1000})
    payload = shared_env.new_run(good, staged=False)
    shared_env.run_stages(payload, "deploy_staging")
    assert shared_env.answer(payload, "approve", comment="fine")["decision"] == "approve"
    for step in ("shadow", 50):
        assert (
            shared_env.poll_until(payload, step, lambda: shared_env.predict(3))["state"] == "done"
        )
    for _ in range(2):
        assert run_stage("deploy_production", payload)["promoted"] is True
    shared_env.assert_only_champion("2")
    kinds = [entry.kind for entry in shared_env.entries(payload)]
    assert kinds == [
        *["candidate", "staging", "approval"],
        *["candidate", *["rollout_step"] * 4, "alias_move"],
    ]
    named = shared_env.entries_of(payload, CandidateNamed)
    assert [entry.event.purpose for entry in named] == ["staging", "release"]
    [staging] = shared_env.entries_of(payload, StagingCheck)
    assert staging.event.memory_mib is not None
    assert math.isfinite(staging.event.memory_mib)
    # Cleared and run again, each step finds that it is done.
    assert shared_env.poll(payload, 50)["state"] == "done"
