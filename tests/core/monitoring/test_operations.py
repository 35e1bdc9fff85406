"""The monitor's operations on a real lake, registry and ledger: noticed, confirmed, recorded, and
only once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.registry import open_registry

from .conftest import MONITOR, RunMonitor

MakeMonitoredModel = Callable[..., str]
RunStages = Callable[..., dict[str, Any]]


def decision_entries(environment: Environment, model: str) -> list[dict[str, Any]]:
    """Return the payloads of the retraining decisions in the ledger."""
    return [
        e.content for e in open_ledger(environment, model).entries() if e.kind == "drift_decision"
    ]


def gauges(environment: Environment) -> dict[tuple[str, ...], float]:
    """The exported gauges: name and label values (but the model's) -> value."""
    (path,) = Path(environment.lake).glob("*/metrics/monitor.prom")
    text = path.read_text(encoding="utf-8")
    return {
        (sample.name, *(v for k, v in sorted(sample.labels.items()) if k != "model")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_changed_world_ends_in_one_training(
    environment: Environment,
    monitored_model: MakeMonitoredModel,
    run_monitor: RunMonitor,
    run_stages: RunStages,
) -> None:
    """Quiet, then watching, then a training with its reason and run id; asked again, the answer is
    the same one.
    """
    model = monitored_model(drift_from="2026-03-21")
    days = [run_monitor(model, f"2026-03-{day}") for day in (21, 22, 23)]
    decisions = [result["decision"] for result in days]
    assert [(each["outcome"], each["trigger"]) for each in decisions] == [
        ("quiet", False),
        ("watching", False),
        ("retrain", True),
    ]
    last = decisions[-1]
    assert set(last["signals"].values()) == {"fired"}
    assert last["reason"] == "performance"
    assert last["train_run_id"] == f"performance__{model}__2026-03-23T00:00__{last['digest'][:12]}"
    assert last["train_as_of"] == "2026-03-23T00:00:00Z"
    # Retried, cleared, or run again an hour later: one decision, one run id.
    assert run_monitor(model, "2026-03-23T01:00", run_id="an hour later")["decision"] == last
    assert decision_entries(environment, model) == decisions

    evidence = Path(last["evidence"])
    assert json.loads(evidence.read_text(encoding="utf-8"))["digest"] == last["digest"]
    for name in (
        "data.json",
        "skew.json",
        "drift.json",
        "performance.json",
        "skew.html",
        "drift.html",
    ):
        assert (evidence.parent / name).stat().st_size > 0
    numbers = gauges(environment)
    assert numbers[("airworthy_monitor_retraining", "retrain")] == 1.0
    assert numbers[("airworthy_monitor_drift_score", "distance", "distance_km", "skew")] > 1.0
    assert (
        numbers[("airworthy_monitor_quality", "rmse", "1")]
        > numbers[("airworthy_monitor_quality_expected", "rmse", "1")]
    )
    assert numbers[("airworthy_monitor_window_rows",)] == days[-1]["data_check"]["window"]["rows"]

    registry = open_registry(environment)
    champion = registry.version(model, "1")
    assert champion.tags["airworthy.monitoring"].startswith("2026-03-23 00:00 UTC: retrain")
    artifacts = {
        each.path
        for each in registry.client.list_artifacts(champion.run_id, "monitoring/2026-03-23T0000")
    }
    assert {Path(path).name for path in artifacts} >= {"decision.json", "skew.html", "drift.html"}
    assert len(registry.client.get_metric_history(champion.run_id, "monitor_rise")) == 3

    run_stages(model, as_of="2026-03-23", run_id=last["train_run_id"], reason="performance")
    tags = registry.version(model, "2").tags
    assert tags["airworthy.reason"] == "performance"
    assert tags["airworthy.decision"] == "drift_decision:2026-03-23T00:00:00+00:00"
    assert [
        entry.event.decision
        for entry in of_kind(open_ledger(environment, model).entries(), Registration)
    ] == [None, tags["airworthy.decision"]]


def test_the_breaker_opens_and_the_cooldown_holds(
    environment: Environment,
    monitored_model: MakeMonitoredModel,
    run_monitor: RunMonitor,
    run_stages: RunStages,
) -> None:
    """After a refused challenger nothing more is triggered; until then, not sooner than the
    cooldown allows.
    """
    retrain = {"min_labels": 100, "persist": "1 of 1", "cooldown": "2d", "max_rejected_in_a_row": 1}
    gates = {
        "gates": [
            {"metric": "rmse", "max": 100},
            {"metric": "rmse", "against": "champion", "margin": 0.0},
        ]
    }
    model = monitored_model(
        drift_from="2026-03-20", monitor={**MONITOR, "retrain": retrain}, evaluate=gates
    )
    assert run_monitor(model, "2026-03-21")["decision"]["outcome"] == "cooling_down"
    assert run_monitor(model, "2026-03-22")["decision"]["outcome"] == "retrain"
    registry = open_registry(environment)
    run_stages(
        model, as_of="2026-03-21", run_id="worse", reason="drift", parameters={"max_depth": 1}
    )
    registry.client.set_model_version_tag(model, "2", "airworthy.validation_status", "rejected")
    result = run_monitor(model, "2026-03-23")["decision"]
    assert (result["outcome"], result["trigger"], result["rejected_in_a_row"]) == (
        "circuit_open",
        False,
        1,
    )
    assert "a person has to look" in result["told"]


def test_nothing_is_decided_without_a_champion_or_rows(
    environment: Environment, monitored_model: MakeMonitoredModel, run_monitor: RunMonitor
) -> None:
    """Each reason is named; once the rows are there, the same window is decided after all."""
    model = monitored_model(released=False)
    orphan = run_monitor(model, "2026-03-21")["decision"]
    assert (orphan["outcome"], orphan["champion"], orphan["told"]) == (
        "inconclusive",
        None,
        "there is no champion",
    )
    strict = monitored_model(monitor={**MONITOR, "min_rows": 1000, "retrain": {"min_labels": 1000}})
    starved = run_monitor(strict, "2026-03-21")["decision"]
    assert starved["outcome"] == "inconclusive"
    assert "at least 1000 are needed" in starved["words"]["skew"]
    assert "at least 1000 are needed" in starved["words"]["loss"]
    fed = run_monitor(monitored_model(), "2026-03-21")["decision"]
    assert fed["outcome"] == "quiet"
    assert [each["outcome"] for each in decision_entries(environment, model)] == [
        "inconclusive"
    ] * 2 + ["quiet"]


def test_live_inputs_are_held_against_the_expectations(
    monitored_model: MakeMonitoredModel, run_monitor: RunMonitor
) -> None:
    """A broken expectation on an input is told and stops no other check; those on keys and labels
    are left out.
    """
    expectations: list[dict[str, Any]] = [
        {
            "type": "expect_column_values_to_be_between",
            "column": "stops",
            "max_value": 2,
            "mostly": 0.99,
        },
        {
            "type": "expect_column_values_to_not_be_null",
            "column": "distance_km",
            "severity": "warning",
        },
        {"type": "expect_column_values_to_not_be_null", "column": "minutes"},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1},
    ]
    model = monitored_model(
        validate={"expectations": [{**each, "severity": "warning"} for each in expectations]},
        label_delay="1d",
    )
    monitored_model(validate={"expectations": expectations}, label_delay="1d")
    result = run_monitor(model, "2026-03-22")
    checks = {check["column"]: check["success"] for check in result["data_check"]["checks"]}
    assert checks == {"stops": False, "distance_km": True}
    assert result["data_check"]["success"] is False
    assert result["decision"]["outcome"] == "quiet"
    # Labels are known a day later: the window before is the newest that has them.
    assert result["performance"]["end"] == "2026-03-21T00:00:00Z"
    assert result["data_check"]["window"]["end"] == "2026-03-22T00:00:00Z"


def test_a_champion_whose_files_were_changed_is_an_error(
    environment: Environment, monitored_model: MakeMonitoredModel, run_monitor: RunMonitor
) -> None:
    """Tampered files are no matter of statistics: the check fails and says so."""
    model = monitored_model()
    folder, _ = open_registry(environment).bundle(model, "1")
    (folder / "features.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(TerminalError, match="not those that were registered"):
        run_monitor(model, "2026-03-21")
