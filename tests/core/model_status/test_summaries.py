"""Summaries and histories: every figure is one that a run recorded, and a kept one equals it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.ledger.events import (
    AlertRaised,
    ApprovalAnswered,
    GuardTrip,
    Retirement,
    RollbackStarted,
    RolloutStep,
    StagingCheck,
)
from airworthy.model_status.history import computed_history, model_history
from airworthy.model_status.ledger_position import NO_LEDGER, ledger_position
from airworthy.model_status.model_summary import TrafficShare
from airworthy.model_status.summaries import computed_summary, model_summaries, model_summary

from .recorded_model import START, RecordedModel

TOO_WIDE = 80


@pytest.fixture
def world(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment whose models are the test's alone."""
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    return environment.model_copy(update={"models": tmp_path / "models"})


@pytest.fixture
def model(world: Environment) -> RecordedModel:
    """A model with a spec."""
    made = RecordedModel(world, "trips")
    made.write_spec()
    return made


def invoke(*words: str) -> Any:
    """Run a command of the console."""
    return CliRunner().invoke(app, list(words))


def test_quality_is_the_newest_live_figure_beside_the_gate_of_the_spec(
    model: RecordedModel,
) -> None:
    """Before live labels it is the champion's newest holdout; a figure over the gate breaks it."""
    model.train(rmse=3.0)
    first = model_summary(model.environment, "trips").quality
    model.train(rmse=9.0, released=False, champion_rmse=3.5)
    later = model_summary(model.environment, "trips").quality
    model.look(rmse=11.0)
    model.look(rmse=None)
    live = model_summary(model.environment, "trips").quality
    assert first is not None and later is not None and live is not None  # noqa: PT018
    assert (first.value, first.promised, first.kept, first.measured_on) == (
        3.0,
        10.0,
        True,
        "holdout",
    )
    assert (later.value, later.promised, later.kept, later.at[:10]) == (
        3.5,
        10.0,
        True,
        "2026-03-03",
    )
    assert (live.value, live.promised, live.kept, live.measured_on) == (11.0, 10.0, False, "live")


def test_without_a_gate_the_promise_is_the_figure_of_the_release(model: RecordedModel) -> None:
    """A holdout may be worse by the share that the monitor allows; live, the monitor's test counts."""
    model.write_spec(
        evaluate={"gates": [{"metric": "rmse", "against": "champion", "margin": 0.05}]}
    )
    model.train(rmse=3.0)
    kept = []
    for champion_rmse in (3.29, 3.31):
        model.train(rmse=9.0, released=False, champion_rmse=champion_rmse)
        quality = model_summary(model.environment, "trips").quality
        assert quality is not None
        assert quality.promised == 3.0
        kept.append(quality.kept)
    for worse in (False, True):
        model.look(rmse=3.4, worse=worse)
        quality = model_summary(model.environment, "trips").quality
        assert quality is not None
        kept.append(quality.kept)
    assert kept == [True, False, True, False]


def test_drift_names_the_columns_and_ends_with_the_champion(model: RecordedModel) -> None:
    """Each state of the monitor is told apart; a new champion was not judged yet."""
    states = []

    def tell() -> None:
        summary = model_summary(model.environment, "trips")
        states.append((summary.drift, summary.drifted))

    model.train(rmse=3.0)
    tell()
    model.look(rmse=3.0)
    tell()
    model.look(rmse=5.0, drifted=True, worse=True)
    tell()
    model.look(rmse=None)
    tell()
    model.train(rmse=2.0)
    tell()
    assert states == [
        ("not_judged_yet", []),
        ("none", []),
        ("drift", ["distance_km", "loss"]),
        ("blind", []),
        ("not_judged_yet", []),
    ]


def test_evidence_that_the_ledger_does_not_speak_of_gives_no_figure(model: RecordedModel) -> None:
    """A changed value in a file beside the lake is not shown: the holdout's is, or none."""
    model.train(rmse=3.0)
    model.look(rmse=3.3)
    root = Path(model.environment.lake) / "trips" / "evidence"
    performance = root / "monitor__2" / "performance.json"
    performance.write_text(performance.read_text("utf-8").replace("3.3", "1.1"), "utf-8")
    quality = computed_summary(model.environment, "trips").quality
    assert quality is not None
    assert (quality.value, quality.measured_on) == (3.0, "holdout")
    verdict = root / "train__1" / "verdict.json"
    verdict.write_text(verdict.read_text("utf-8").replace('"pass"', '"fail"'), "utf-8")
    assert computed_summary(model.environment, "trips").quality is None
    assert computed_history(model.environment, "trips").gates == []


def test_traffic_is_the_ledgers(model: RecordedModel) -> None:
    """Champion, shadow and challenger have their shares; a retired model has none."""
    model.train(rmse=3.0)
    shares = []
    for step in ("shadow", 10):
        begun = RolloutStep(
            version="2", step=step, state="begun", champion="1", since=START, bundle_digest="2" * 64
        )
        model.append(begun, "rollout")
        shares.append(model_summary(model.environment, "trips").traffic)
    model.append(Retirement(from_version="1", reason="sold"), "retire")
    shares.append(model_summary(model.environment, "trips").traffic)
    assert shares == [
        [TrafficShare("1", "champion", 100.0), TrafficShare("2", "shadow", 0.0)],
        [TrafficShare("1", "champion", 90.0), TrafficShare("2", "challenger", 10.0)],
        [],
    ]


def test_a_broken_spec_or_ledger_is_the_fault_of_this_model_alone(
    model: RecordedModel, tmp_path: Path
) -> None:
    """Each is told as what it is, with the command to look; the others are as they were."""
    model.train(rmse=3.0)
    broken = tmp_path / "models" / "broken"
    broken.mkdir()
    (broken / "model.yaml").write_text("model: [", encoding="utf-8")
    (tmp_path / "models" / "loop").symlink_to("loop")
    changed = RecordedModel(model.environment, "changed")
    changed.write_spec()
    changed.train(rmse=3.0)
    entry = next((Path(model.environment.lake) / "changed" / "ledger").glob("entry-*.parquet"))
    entry.write_bytes(entry.read_bytes()[:-1] + b"x")
    by_name = {each.state.model: each for each in model_summaries(model.environment)}
    assert sorted(by_name) == ["broken", "changed", "loop", "trips"]
    assert by_name["trips"].state.needs == []
    assert by_name["changed"].state.ledger_fault == "the ledger was changed"
    assert by_name["changed"].owner == "tests"
    assert by_name["broken"].state.faults is not None
    assert by_name["loop"].state.faults is not None
    waiting = {
        each["model"]: each["command"]
        for each in map(json.loads, invoke("next", "--json").stdout.splitlines())
    }
    assert waiting == {
        "broken": "airworthy check",
        "changed": "airworthy ledger verify changed",
        "loop": "airworthy check",
    }


def test_next_says_what_waits_since_when_and_how_to_act(model: RecordedModel) -> None:
    """An approval waits until it is answered, or until the model is retired."""
    assert invoke("next").stdout == "nothing waits for a person\n"
    model.train(rmse=3.0)
    model.append(StagingCheck(version="2", passed=True), "release")
    (line,) = invoke("next", "--json").stdout.splitlines()
    waiting = json.loads(line)
    assert waiting["command"] == 'airworthy release trips 2 --approve "..."'
    assert waiting["page"] == "/airworthy/models/trips/actions/approve"
    assert waiting["since"] == model_history(model.environment, "trips").ledger[-1].time
    assert "! trips: version 2 waits for an approval" in invoke("next").stdout
    model.append(ApprovalAnswered(version="2", decision="reject", at=START), "release")
    assert invoke("next", "--json").stdout == ""
    model.append(StagingCheck(version="3", passed=True), "again")
    model.append(Retirement(from_version="1", reason="sold"), "retire")
    assert invoke("next", "--json").stdout == ""


def test_the_history_has_every_kind_of_event_and_point(model: RecordedModel) -> None:
    """Quality, marks, versions and services come from the records alone, in the data's time."""
    model.train(rmse=3.0)
    model.look(rmse=3.2)
    model.look(rmse=5.0, drifted=True)
    model.train(rmse=9.0, released=False, champion_rmse=5.5)
    model.train(rmse=2.0)
    model.append(AlertRaised(key="a", told=[], title="late", alert={"kind": "late"}), "alerts")
    model.append(GuardTrip(version="2", champion="3", step=10, reasons=["slow"]), "rollout")
    model.append(RollbackStarted(from_="3", to="1", withdraws=True), "back")
    history = model_history(model.environment, "trips")
    live = [(p.end[:10], p.version, p.value) for p in history.quality if p.measured_on == "live"]
    assert live == [("2026-03-03", "1", 3.2), ("2026-03-04", "1", 5.0)]
    assert [(each.kind, (each.data_time or "")[:10]) for each in history.marks] == [
        ("release", "2026-03-02"),
        ("drift", "2026-03-04"),
        ("rejected", "2026-03-05"),
        ("release", "2026-03-06"),
        ("alert", "2026-03-06"),
        ("stopped", "2026-03-06"),
        ("rollback", "2026-03-06"),
    ]
    assert [(each.version, each.status) for each in history.versions] == [
        ("1", "former champion"),
        ("2", "rejected"),
        ("3", "champion"),
    ]
    assert [(each.version, each.until is None) for each in history.services] == [
        ("1", False),
        ("3", True),
    ]
    assert history.services[0].until == history.services[1].since
    assert (history.verdict_version, history.gates[0].value) == ("3", 2.0)
    assert history.gates[0].passes_above is False
    assert [(each.slice, each.rows, each.value) for each in history.slices] == [("oslo", 20, 2.0)]
    assert history.drift == []
    assert len(history.ledger) == history.summary.entries == 13


def test_a_column_that_moved_is_drawn_with_its_threshold(model: RecordedModel) -> None:
    """The shift is the monitor's own, of each window of the champion."""
    model.train(rmse=3.0)
    model.look(rmse=3.0, drifted=True)
    figures = model_history(model.environment, "trips").drift
    assert [(f.signal, f.column, f.value, f.threshold, f.drifted) for f in figures] == [
        ("skew", "distance_km", 0.4, 0.15, True),
        ("drift", "distance_km", 0.03, 0.15, False),
    ]


@pytest.mark.parametrize("model_name", ["trips", None])
def test_the_picture_fits_80_columns_and_is_plain_where_it_is_no_terminal(
    model: RecordedModel, model_name: str | None
) -> None:
    """Long names, large figures and control characters change neither."""
    model.write_spec(description="\x1b[31m red " + "long " * 60)
    model.train(rmse=3.0)
    long = RecordedModel(model.environment, "a" * 60)
    long.write_spec(evaluate={"gates": [{"metric": "rmse", "max": 123456789012.0}]})
    long.train(rmse=98765432.1)
    for day in range(4):
        model.look(rmse=3.0 + day, drifted=True)
    model.append(StagingCheck(version="2" * 30, passed=True), "release")
    shown = invoke("status", *([model_name] if model_name else [])).stdout
    assert max(map(len, shown.splitlines())) <= TOO_WIDE, shown
    assert "\x1b" not in shown
    assert "rmse" in shown


def test_json_of_status_is_one_object_a_model_and_one_for_its_history(model: RecordedModel) -> None:
    """The keys of `airworthy models --json` are among them."""
    model.train(rmse=3.0)
    (line,) = invoke("status", "--json").stdout.splitlines()
    (state,) = invoke("models", "--json").stdout.splitlines()
    summary = json.loads(line)
    assert json.loads(state).items() <= summary.items()
    assert summary["quality"]["value"] == 3.0
    (whole,) = invoke("status", "trips", "--json").stdout.splitlines()
    assert json.loads(whole)["summary"] == summary
    assert invoke("status", "trip").exit_code == 1


ACTIONS = st.sampled_from(
    ["train", "reject", "look", "drift", "stage", "approve", "retire", "spec", "bad spec", "damage"]
)


@settings(max_examples=6)
@given(actions=st.lists(ACTIONS, min_size=1, max_size=5))
def test_a_kept_summary_equals_the_computed_one(
    tmp_path_factory: pytest.TempPathFactory, actions: list[str]
) -> None:
    """After any events, edits of the spec and damage to the kept file; the same for a history."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        environment = _environment(folder)
        model = RecordedModel(environment, "trips")
        model.write_spec()
        for number, action in enumerate(["train", *actions]):
            _act(model, action, number)
            for _ in range(2):
                assert model_summary(environment, "trips") == computed_summary(environment, "trips")
            assert model_history(environment, "trips") == computed_history(environment, "trips")


def _environment(folder: Path) -> Environment:
    from airworthy.environment import load_environment

    return load_environment().model_copy(update={"models": folder / "models"})


def _act(model: RecordedModel, action: str, number: int) -> None:
    run = f"run-{number}"
    match action:
        case "train" | "reject":
            model.write_spec()
            model.train(rmse=3.0 + number, released=action == "train")
        case "look" | "drift":
            model.write_spec()
            model.look(rmse=3.0, drifted=action == "drift")
        case "stage":
            model.append(StagingCheck(version="9", passed=True), run)
        case "approve":
            model.append(ApprovalAnswered(version="9", decision="approve", at=START), run)
        case "retire":
            model.append(Retirement(from_version="1", reason="sold"), run)
        case "spec":
            model.write_spec(description=f"edit {number}")
        case "bad spec":
            (model.environment.models / "trips" / "model.yaml").write_text("model: [", "utf-8")
        case "damage":
            for path in (model.environment.state / "cache" / "model_status").rglob("trips.*"):
                path.write_bytes(path.read_bytes()[:-3] + b"\xff\n!")


def test_the_position_is_another_one_after_each_entry_and_in_another_ledger(
    model: RecordedModel, world: Environment
) -> None:
    """A ledger that was made anew with as many entries has another one, too."""
    other = RecordedModel(world, "other")
    other.write_spec()
    assert ledger_position(world, "trips") == NO_LEDGER
    model.train(rmse=3.0)
    other.train(rmse=3.0)
    before = ledger_position(world, "trips")
    assert ledger_position(world, "trips", known=before) == before
    assert before.split()[0] == ledger_position(world, "other").split()[0]
    assert before != ledger_position(world, "other")
    model.look(rmse=3.0)
    assert ledger_position(world, "trips", known=before) != before
