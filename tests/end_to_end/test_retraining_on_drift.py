"""Drift through the real scheduler: the monitor notices, training runs, the new version takes over."""

from __future__ import annotations

import shutil
from io import StringIO
from typing import TYPE_CHECKING

import yaml
from airflow_client.client import (
    ClearTaskInstancesBody,
    ClearTaskInstancesBodyTaskIdsInner,
    TaskInstanceApi,
)
from rich.console import Console

from airworthy.environment import load_environment
from airworthy.ledger import open_ledger
from airworthy_airflow.demo.runs import start_run, task_instances, wait_for_run
from airworthy_airflow.demo.second_act import SecondAct, SecondActResult
from airworthy_airflow.demo.story import summary

from .conftest import NO_DEFAULT_GATES, PROJECT, RUN_SECONDS, alerts_of

if TYPE_CHECKING:
    from .conftest import Stack

MODEL = "drifting"
MONITOR = f"{MODEL}__monitor"


def write_drifting_model() -> None:
    """The shipped model of a changing world, with few rows, trained again on one week at the first
    sign.
    """
    shipped, folder = (
        PROJECT / "include" / "models" / "delivery_drift",
        load_environment().models / MODEL,
    )
    shutil.copytree(shipped, folder)
    spec = yaml.safe_load((shipped / "model.yaml").read_text(encoding="utf-8"))
    spec["model"] = MODEL
    spec["ingest"]["source"]["rows_per_day"] = 300
    spec["train"].update(lookback="7d", holdout="2d")
    spec["evaluate"].update(gates=[{"metric": "rmse", "max": 1000.0}], waive=NO_DEFAULT_GATES)
    # However bad the champion becomes: that inputs and labels drift is to be the reason.
    spec["monitor"].update(
        min_rows=100,
        performance={"max_loss": 100.0},
        retrain={"persist": "1 of 1", "min_labels": 100, "cooldown": "1d"},
    )
    (folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


def test_the_world_changes_and_a_new_champion_takes_over(stack: Stack) -> None:
    """Play the demo's second act: quality falls and recovers; monitor -> train -> champion, once.

    The reported quality is that of the answers over HTTP, by version, against the sent labels.
    """
    write_drifting_model()
    act = SecondAct(MODEL, stack.airflow, stack.layout.url("server"), Console(file=StringIO()))
    result = act.play()
    phases = {each.phase: each for each in result.phases}
    assert {name: each.versions for name, each in phases.items()} == {
        "before": ("1",),
        "during": ("1",),
        "after": ("2",),
    }
    assert {name: sum(week.rows for week in weeks) for name, weeks in act.weeks.items()} == {
        name: each.answers for name, each in phases.items()
    }
    before, during, after = (phases[name].metrics["rmse"] for name in ("before", "during", "after"))
    assert during > 2 * before
    assert after < 0.8 * during
    assert stack.served_version(MODEL) == "2"
    assert str(result.decision.train_run_id) in summary(stack.layout, result)
    check_the_cause(stack, result)
    check_that_nothing_is_triggered_twice(stack, result)


def check_the_cause(stack: Stack, result: SecondActResult) -> None:
    """The new version has the decision's reason, and the decision's run."""
    decision = result.decision
    assert (decision.outcome, decision.trigger) == ("retrain", True)
    assert "fired" in decision.signals.values()
    quiet = next(
        e.content
        for e in open_ledger(load_environment(), MODEL).entries()
        if e.kind == "drift_decision"
    )
    assert (quiet["outcome"], quiet["trigger"]) == ("quiet", False)
    [version] = [each for each in stack.versions(MODEL) if each["version"] == "2"]
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["airworthy.reason"] == decision.reason == "drift"
    assert tags["airworthy.run_id"] == decision.train_run_id


def check_that_nothing_is_triggered_twice(stack: Stack, result: SecondActResult) -> None:
    """Neither a cleared trigger nor another poll of the window starts training, or an alert, again."""
    runs = {run.dag_run_id for run in stack.runs(MODEL)}
    clear(stack, result.monitor_run, "trigger_retraining")
    assert (
        wait_for_run(stack.airflow, MONITOR, result.monitor_run, within_seconds=RUN_SECONDS)
        == "success"
    )
    tasks = task_instances(stack.airflow, MONITOR, result.monitor_run)
    assert [task.try_number for task in tasks if task.task_id == "trigger_retraining"] == [2]
    conf = {"as_of": f"{result.decision.window_end:%Y-%m-%d}"}
    again = start_run(stack.airflow, MONITOR, conf)
    assert start_run(stack.airflow, MONITOR, conf) == again  # it is still going on
    assert wait_for_run(stack.airflow, MONITOR, again, within_seconds=RUN_SECONDS) == "success"
    assert {run.dag_run_id for run in stack.runs(MODEL)} == runs
    alerts = alerts_of(MODEL)
    [retrained] = [alert for alert in alerts if alert["kind"] in ("drift", "performance")]
    assert retrained["kind"] == result.decision.reason
    assert retrained["facts"]["training"] == result.decision.train_run_id


def clear(stack: Stack, run_id: str, task_id: str) -> None:
    """Have a task of the monitor run again.

    Args:
        stack: The running stack.
        run_id: The run's id.
        task_id: The task's id.
    """
    task = ClearTaskInstancesBodyTaskIdsInner(task_id)
    body = ClearTaskInstancesBody(
        dag_run_id=run_id, task_ids=[task], dry_run=False, only_failed=False
    )
    TaskInstanceApi(stack.airflow).post_clear_task_instances(MONITOR, body)
