"""A rollout through a real server: steps that are watched, guards that trip, and traffic that is always given back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pytest

from airworthy.errors import TerminalError, TransientError
from airworthy.handover import DatasetRef
from airworthy.lake.lake import open_lake
from airworthy.registry.registry import CHALLENGER
from airworthy.release.rollout_flags import clear_rollout, set_kill_switch, set_rollout
from airworthy.release.rollout_steps import ABANDONED_AFTER
from airworthy.stages import run_stage

from .house import BRITTLE, MODEL, WEAK, House, open_house

LONG: dict[str, Any] = {"rollout": ["shadow", 10, 50, "full"], "bake": "1h"}
SHORT: dict[str, Any] = {"rollout": ["shadow", 50, "full"], "bake": "1s"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a champion, version 1."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def good(built: House) -> dict[str, Any]:
    """Version 2: as good as version 1, and unable to answer requests with very many stops."""
    built.rules(features=BRITTLE)
    return built.made("2026-03-21")


@pytest.fixture(scope="module")
def weak(built: House, good: dict[str, Any]) -> dict[str, Any]:
    """Version 3: it says nearly the same of every delivery."""
    built.rules()
    return built.made("2026-03-21", parameters=WEAK)


@pytest.fixture
def house(built: House, good: dict[str, Any]) -> Iterator[House]:
    """The house; whatever the test did, version 1 serves all of the traffic after it."""
    built.rules(**LONG)
    yield built
    built.tidy()
    built.demand_only_champion("1")


def demand_given_back(
    house: House, payload: dict[str, Any], status: dict[str, Any], kind: str, words: str
) -> None:
    """The rollout was ended with these words, recorded once, and stays ended for this run; traffic is back."""
    assert status["state"] == "tripped"
    assert words in " ".join(status["reasons"])
    house.demand_only_champion("1")
    entry = house.entries(payload, kind)
    assert [reason for reason in entry[-1].event.reasons if words in reason]
    assert CHALLENGER not in house.registry.client.get_registered_model(MODEL).aliases
    for step in (status["step"], 50):
        assert house.look(payload, step)["state"] == "tripped"
    assert run_stage("deploy_production", payload)["promoted"] is False
    assert len(house.entries(payload, "guard_trip", "rollout_stopped")) == 1


def test_errors_of_the_challenger_trip_the_guard(house: House, good: dict[str, Any]) -> None:
    """Requests that only the challenger cannot answer get the champion's answer, and end the rollout."""
    payload = house.anew(good)
    assert house.look(payload, "shadow")["state"] == "baking"
    house.follows("shadow")
    status = house.watch(payload, "shadow", lambda: house.ask(5, stops=100_000))
    demand_given_back(house, payload, status, "guard_trip", "error rate 100.00%")
    assert status["challenger"]["errors"] >= 2


def test_slow_answers_trip_the_guard(house: House, good: dict[str, Any]) -> None:
    """A 99th percentile over the spec's limit ends the rollout, once enough requests were seen."""
    house.rules(**LONG, guard={"p99_ms": 0.001, "min_requests": 20})
    payload = house.anew(good)
    house.look(payload, "shadow")
    house.follows("shadow")
    house.ask(10)
    assert house.look(payload, "shadow")["state"] == "baking"
    status = house.watch(payload, "shadow", lambda: house.ask(5))
    demand_given_back(house, payload, status, "guard_trip", "p99 latency")


def ask_many(
    house: House, payload: dict[str, Any], rows: int
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Ask one row of a day after the other, and return them with their answers."""
    dataset = DatasetRef.model_validate(payload["dataset"])
    frame = (
        open_lake(house.environment, MODEL).read_partition(dataset, date(2026, 3, 18)).head(rows)
    )
    inputs = list(httpx.get(f"{house.url}/models/{MODEL}").json()["inputs"])
    return frame, house.ask_rows(frame.select(inputs).iter_rows(named=True))


def test_other_predictions_trip_the_guard(house: House, weak: dict[str, Any]) -> None:
    """A challenger whose answers are distributed otherwise than the champion's has no future; shadow finds that out."""
    house.rules(**LONG, guard={"min_requests": 60})
    payload = house.anew(weak)
    house.look(payload, "shadow")
    house.follows("shadow")
    ask_many(house, payload, 150)
    status = house.watch(payload, "shadow")
    demand_given_back(house, payload, status, "guard_trip", "distributed otherwise")
    assert status["psi"] > 0.25


def test_labels_that_come_in_trip_the_guard(house: House, weak: dict[str, Any]) -> None:
    """Where labels are known, a greater loss than the champion's ends the rollout."""
    house.rules(**LONG, guard={"max_psi": 1000, "min_labels": 30})
    payload = house.anew(weak)
    house.look(payload, "shadow")
    house.follows("shadow")
    frame, answers = ask_many(house, payload, 120)
    labels = [
        {"id": a["id"], "label": label} for a, label in zip(answers, frame["minutes"], strict=True)
    ]
    httpx.post(f"{house.url}/models/{MODEL}/labels", json={"labels": labels}).raise_for_status()
    status = house.watch(payload, "shadow")
    demand_given_back(house, payload, status, "guard_trip", "mean loss")
    assert status["challenger"]["mean_loss"] > status["champion"]["mean_loss"]


def test_steps_end_well_and_say_what_was_judged(house: House, good: dict[str, Any]) -> None:
    """Shadow and canary hold their time; what was seen is in the ledger, and what was too little says so."""
    house.rules(**SHORT, guard={"min_requests": 5, "p99_ms": 60_000, "max_psi": 1000})
    payload = house.anew(good)
    assert house.look(payload, "shadow")["state"] == "baking"
    aliases = house.registry.client.get_registered_model(MODEL).aliases
    assert str(aliases[CHALLENGER]) == good["version"]["version"]
    house.follows("shadow")
    house.ask(20)
    shadow = house.watch(payload, "shadow")
    assert (shadow["state"], shadow["challenger"]["errors"]) == ("done", 0)
    assert {answer["version"] for answer in house.ask(20)} == {"1"}
    begun = house.look(payload, 50)
    assert (begun["state"], begun["step"]) == ("baking", 50)
    house.follows(50)
    assert house.serving() == {"1", "2"}
    canary = house.watch(payload, 50)
    assert canary["state"] == "done"
    steps = [entry.event for entry in house.entries(payload, "rollout_step")]
    assert [(step.step, step.state) for step in steps] == [
        ("shadow", "begun"),
        ("shadow", "done"),
        (50, "begun"),
        (50, "done"),
    ]
    assert {"error_rate", "latency", "predictions"} <= set(steps[3].judged)
    assert steps[3].missing == ["quality: 0 of 100 labels came in"]
    assert house.look(payload, "shadow") == shadow
    until = datetime.fromisoformat(canary["until"])
    assert until - datetime.fromisoformat(canary["since"]) >= timedelta(seconds=1)


def test_a_step_without_traffic_ends_and_claims_nothing(house: House, good: dict[str, Any]) -> None:
    """A model that nobody asks is not stuck for ever; the ledger says that nothing was judged."""
    house.rules(**SHORT)
    payload = house.anew(good)
    status = house.watch(payload, "shadow")
    assert status["state"] == "done"
    entry = house.entries(payload, "rollout_step")[-1]
    assert entry.event.judged == []
    assert "no request was seen" in " ".join(status["reasons"])


def test_a_look_that_was_cut_off_is_completed(house: House, good: dict[str, Any]) -> None:
    """Killed after the flags were set and before it was recorded: the next look records that very beginning."""
    payload = house.anew(good)
    run, version = payload["run"]["run_id"], good["version"]["version"]
    set_rollout(
        house.environment.flags_file,
        MODEL,
        champion="1",
        challenger=version,
        step="shadow",
        run_id=run,
    )
    begun = house.flags()
    assert house.look(payload, "shadow")["state"] == "baking"
    assert begun is not None
    assert house.entries(payload, "rollout_step")[0].content["since"] == begun.since.isoformat()
    assert house.flags() == begun


def test_kill_switch(house: House, good: dict[str, Any]) -> None:
    """Pulled by a person, it ends the rollout; while it is on, none begins."""
    payload = house.anew(good)
    house.look(payload, "shadow")
    house.follows("shadow")
    set_kill_switch(house.environment.flags_file, MODEL, on=True)
    status = house.watch(payload, "shadow")
    demand_given_back(house, payload, status, "rollout_stopped", "kill switch")
    held = house.look(house.anew(good), "shadow")
    assert held["state"] == "held"
    assert "kill switch" in held["reasons"][0]


def test_flags_that_somebody_takes_away(house: House, good: dict[str, Any]) -> None:
    """Whoever removes the flags by hand ends the rollout: nothing puts them back."""
    payload = house.anew(good)
    house.look(payload, "shadow")
    clear_rollout(house.environment.flags_file, MODEL)
    demand_given_back(
        house, payload, house.look(payload, "shadow"), "rollout_stopped", "took its flags away"
    )


def test_stop(house: House, good: dict[str, Any]) -> None:
    """A caller that cannot go on watching ends the rollout; to stop what was never begun changes nothing."""
    payload = house.anew(good)
    house.look(payload, "shadow")
    status = house.look(payload, "shadow", stop="the task was cancelled")
    demand_given_back(house, payload, status, "rollout_stopped", "the task was cancelled")
    other = house.anew(good)
    assert house.look(other, "shadow", stop="never begun")["state"] == "tripped"
    assert house.entries(other) == []
    assert house.look(other, "shadow")["state"] == "baking"


def test_traffic_is_given_back_although_the_registry_is_away(
    house: House, good: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow out of reach: a stop clears the flags all the same; the next look puts away what is left."""
    payload = house.anew(good)
    house.look(payload, "shadow")
    with monkeypatch.context() as away:
        away.setenv("AIRWORTHY_TRACKING_URI", "http://127.0.0.1:9")
        away.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(TransientError):
            house.look(payload, "shadow", stop="the worker is shut down")
    assert house.flags() is None
    demand_given_back(
        house, payload, house.look(payload, "shadow"), "rollout_stopped", "the worker is shut down"
    )


def test_one_rollout_of_a_model_at_a_time(
    house: House, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """A second release waits for the first one's rollout and leaves its flags alone; then it has its turn."""
    first, second = house.anew(good), house.anew(weak)
    house.look(first, "shadow")
    begun = house.flags()
    for _ in range(2):
        waiting = house.look(second, "shadow")
        assert waiting["state"] == "waiting"
        assert "version 2" in waiting["reasons"][0]
    assert house.flags() == begun
    assert house.entries(second) == []
    house.look(first, "shadow", stop="over")
    assert house.look(second, "shadow")["state"] == "baking"
    assert house.look(first, "shadow")["state"] == "tripped"


def test_a_rollout_that_nobody_watches_any_more_stands_in_nobodys_way(
    house: House, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """Its run was killed for good and its time is long over: the next release ends it, and says so."""
    first, second = house.anew(good), house.anew(weak)
    house.look(first, "shadow")
    path = house.environment.flags_file
    document = json.loads(path.read_text())
    long_ago = datetime.now(UTC) - timedelta(hours=1) - ABANDONED_AFTER
    for kind in ("rollout", "shadow"):
        document["flags"][f"{MODEL}.{kind}"]["metadata"]["since"] = long_ago.isoformat()
    path.write_text(json.dumps(document))
    assert house.look(second, "shadow")["state"] == "baking"
    flags = house.flags()
    assert flags is not None
    assert flags.challenger == weak["version"]["version"]
    assert "watches it no more" in house.entries(first, "rollout_stopped")[0].event.reasons[0]
    assert house.look(first, "shadow")["state"] == "tripped"


def test_champion_that_changes_meanwhile(
    house: House, good: dict[str, Any], weak: dict[str, Any]
) -> None:
    """What was to be compared with another champion than today's is over."""
    payload = house.anew(good)
    house.look(payload, "shadow")
    house.registry.promote(MODEL, weak["version"]["version"], expected="1")
    try:
        status = house.look(payload, "shadow")
        assert status["state"] == "tripped"
        assert "version 3 became champion meanwhile" in status["reasons"][0]
        assert house.flags() is None
    finally:
        house.registry.promote(MODEL, "1", expected=weak["version"]["version"])


def test_nothing_to_compare_with(house: House) -> None:
    """Of the version that is champion already, each step ends at once, and the ledger says that nothing was watched."""
    payload = house.anew(house.made("2026-03-20"))
    status = house.look(payload, 10)
    assert status["state"] == "done"
    assert "it is the champion" in status["reasons"][0]
    assert house.flags() is None


def test_step_that_the_rules_do_not_have(house: House, good: dict[str, Any]) -> None:
    """A step that is none of this rollout is refused in words."""
    with pytest.raises(TerminalError, match="no such step"):
        house.look(house.anew(good), 33)


def test_flags_that_are_none(house: House, good: dict[str, Any]) -> None:
    """A file that somebody broke is named; nothing is begun by what cannot be read."""
    path = house.environment.flags_file
    kept = path.read_text()
    path.write_text("{")
    try:
        with pytest.raises(TerminalError, match="does not hold flags"):
            house.look(house.anew(good), "shadow")
    finally:
        path.write_text(kept)


def test_a_whole_release(built: House, good: dict[str, Any]) -> None:
    """Approved, watched step by step, and then champion: alias, server, flags and ledger agree. It is the last here."""
    built.rules(**SHORT, approval="required", guard={"min_requests": 5, "max_psi": 1000})
    payload = built.anew(good, staged=False)
    built.deliver(payload, "deploy_staging")
    assert built.answer(payload, "approve", comment="fine")["decision"] == "approve"
    for step in ("shadow", 50):
        assert built.watch(payload, step, lambda: built.ask(3))["state"] == "done"
    for _ in range(2):
        assert run_stage("deploy_production", payload)["promoted"] is True
    built.demand_only_champion("2")
    kinds = [entry.kind for entry in built.entries(payload)]
    assert kinds == ["staging", "approval", *["rollout_step"] * 4, "alias_move"]
    assert math.isfinite(built.entries(payload, "staging")[0].event.memory_mib)
    # Cleared and run again, each step finds that it is done.
    assert built.look(payload, 50)["state"] == "done"
