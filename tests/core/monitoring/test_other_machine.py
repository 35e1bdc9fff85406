"""The monitor's checks on a machine each: a state folder each, one lake, one MLflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airworthy.environment import Environment, load_environment
from airworthy.handover.catalogue import OPERATIONS
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage

from .conftest import CHECKS


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment with lake and MLflow outside of the state folder."""
    monkeypatch.setenv("AIRWORTHY_ENV", "staging")
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "machine"))
    monkeypatch.setenv("AIRWORTHY_LAKE", str(tmp_path / "shared" / "lake"))
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", f"sqlite:///{tmp_path}/shared/mlflow.db")
    monkeypatch.setenv("AIRWORTHY_ARTIFACTS", str(tmp_path / "shared" / "artifacts"))
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AIRWORTHY_FLAGS", str(tmp_path / "shared" / "flags.json"))
    return load_environment()


def test_each_check_on_a_machine_that_burns_after_it(
    environment: Environment, monitored_model: Callable[..., str]
) -> None:
    """The decision has every file of the checks, and a check elsewhere reads no old window again."""
    model = monitored_model()
    run = {"model": model, "reason": "manual", "run_id": "watch"}
    as_of = datetime(2026, 3, 21, tzinfo=UTC).isoformat()
    run_stage("ingest", {"run": {**run, "as_of": as_of}})
    payload: dict[str, Any] = {"run": {**run, "as_of": as_of}}
    for name in CHECKS:
        payload[OPERATIONS[name].output] = json.loads(json.dumps(run_stage(name, payload)))
        shutil.rmtree(environment.state)
    registry = open_registry(environment)
    run_id = registry.version(model, "1").run_id
    folder = "monitoring/2026-03-21T0000"
    logged = {Path(file.path).name for file in registry.client.list_artifacts(run_id, folder)}
    assert logged == {
        *("decision.json", "data.json", "performance.json"),
        *("skew.json", "skew.html", "drift.json", "drift.html"),
    }
    remembered = Path(environment.beside_lake(model, "windows"))
    before = {path: path.stat().st_mtime_ns for path in remembered.rglob("*.json")}
    assert before
    again = run_stage("check_drift", {**payload, "run": {**run, "as_of": as_of, "run_id": "again"}})
    assert again["words"] == payload["drift"]["words"]
    assert {path: path.stat().st_mtime_ns for path in remembered.rglob("*.json")} == before
