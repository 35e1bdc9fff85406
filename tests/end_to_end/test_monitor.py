"""Drift through the real scheduler: the monitor notices, training runs for that reason, the new version takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from airworthy.environment import load_environment
from airworthy.ledger import open_ledger

from .conftest import RUN_SECONDS, wait_until, write_model

if TYPE_CHECKING:
    from .conftest import Stack

MODEL = "drifting"
TRAIN, MONITOR = f"{MODEL}__train", f"{MODEL}__monitor"


def write_drifting_model() -> None:
    """A model whose world changes on 2026-03-20, watched by hand, and trained again at the first sign."""
    folder = load_environment().models
    write_model(folder, MODEL)
    path = folder / MODEL / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["schedule"] = None
    spec["ingest"]["source"] |= {"drift_from": "2026-03-20", "drift_strength": 3.0}
    retrain = {"persist": "1 of 1", "min_labels": 100}
    spec["monitor"] = {"schedule": None, "min_rows": 100, "retrain": retrain}
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")


def test_drift_is_noticed_and_ends_in_a_new_champion(stack: Stack) -> None:
    """Monitor -> train, by the decision's reason and run id -> champion; a trigger that is cleared adds no run."""
    write_drifting_model()
    assert stack.finish(MODEL, stack.start(MODEL, as_of="2026-03-20")) == "success"
    before = stack.served_version(MODEL)
    wait_until(f"{MONITOR} to be read", lambda: stack.airflow.dag(MONITOR))
    stack.airflow.unpause(MONITOR)
    run_id = stack.airflow.trigger(MONITOR, {"as_of": "2026-03-21"})
    assert stack.airflow.wait_for_run(MONITOR, run_id, within_seconds=RUN_SECONDS) == "success"
    [decision] = [e.facts for e in open_ledger(load_environment(), MODEL).entries() if e.kind == "drift_decision"]
    assert (decision["outcome"], decision["trigger"]) == ("retrain", True)
    assert "fired" in decision["signals"].values()
    training = decision["train_run_id"]
    assert stack.finish(MODEL, training) == "success"
    after = stack.served_version(MODEL)
    assert (before, after) == ("1", "2")
    [version] = [each for each in stack.versions(MODEL) if each["version"] == after]
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["airworthy.reason"] == decision["reason"]
    assert tags["airworthy.run_id"] == training
    runs = {run["dag_run_id"] for run in stack.airflow.runs(TRAIN)}
    stack.airflow.clear(MONITOR, run_id, "trigger_retraining")
    assert stack.airflow.wait_for_run(MONITOR, run_id, within_seconds=RUN_SECONDS) == "success"
    tried = [t["try_number"] for t in stack.airflow.tasks(MONITOR, run_id) if t["task_id"] == "trigger_retraining"]
    assert tried == [2]
    assert {run["dag_run_id"] for run in stack.airflow.runs(TRAIN)} == runs
