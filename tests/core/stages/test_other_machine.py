"""Stages of one run on several machines: a state folder each, one lake, one MLflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest

from airworthy.environment import load_environment
from airworthy.errors import TransientError
from airworthy.evidence import Evidence
from airworthy.handover import RunRequest
from airworthy.handover.catalogue import STAGES
from airworthy.job import open_job
from airworthy.object_store import open_store
from airworthy.registry.training_runs import training_run
from airworthy.stages import run_stage
from airworthy.validation.data_docs_pages import LIST, parse_pages

from .conftest import MakeModel, RunStages

OnMachine = Callable[[str], Path]


@pytest.fixture
def on_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnMachine:
    """Return a function that goes on on a machine of this name; the one before has burnt."""
    monkeypatch.setenv("AIRWORTHY_ENV", "staging")
    monkeypatch.setenv("AIRWORTHY_LAKE", str(tmp_path / "shared" / "lake"))
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", f"sqlite:///{tmp_path}/shared/mlflow.db")
    monkeypatch.setenv("AIRWORTHY_ARTIFACTS", str(tmp_path / "shared" / "artifacts"))
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AIRWORTHY_FLAGS", str(tmp_path / "shared" / "flags.json"))

    def move(name: str) -> Path:
        for machine in tmp_path.glob("machine *"):
            shutil.rmtree(machine)
        monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / f"machine {name}"))
        return load_environment().state

    return move


def test_retry_elsewhere_validates_and_trains_nothing_again(
    on_machine: OnMachine, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The partitions' results are found beside the lake, the training in MLflow."""
    on_machine("one")
    model = make_model()
    first = run_stages(model, last="train")
    remembered = Path(load_environment().beside_lake(model, "validations"))
    before = {path: path.stat().st_mtime_ns for path in remembered.rglob("*.json")}
    assert len(before) == 8
    on_machine("two")
    second = run_stages(model, last="train")
    assert {path: path.stat().st_mtime_ns for path in remembered.rglob("*.json")} == before
    assert second["validation"] == first["validation"]
    assert second["challenger"] == first["challenger"]
    experiment = mlflow.get_experiment_by_name(model)
    assert experiment is not None
    assert len(mlflow.MlflowClient().search_runs([experiment.experiment_id])) == 1


def test_every_stage_on_another_machine_leaves_all_evidence(
    on_machine: OnMachine, make_model: MakeModel, run_stages: RunStages
) -> None:
    """After the last machine has burnt, an auditor finds every file from any other one."""
    model = make_model()
    payload: dict[str, Any] = {}
    for number, stage in enumerate(("ingest", "validate", "train", "evaluate", "register")):
        on_machine(str(number))
        payload = run_stages_from(payload, model, stage)
    on_machine("of an auditor")
    evidence = Evidence(load_environment().beside_lake(model, "evidence"), "test-run")
    for name in ("validation.json", "verdict.json", "report.html", "evaluation.png"):
        assert evidence.read(evidence.address(name)), name
    assert payload["validation"]["evidence"] == evidence.address("validation.json")
    for stage in ("ingest", "validate", "train", "evaluate", "register"):
        content = evidence.read(evidence.address(f"resources/{stage}.json"))
        assert json.loads(content or "{}")["outcome"] == "success"
    pages = open_store(load_environment().beside_lake(model, "validations")).list()
    shown = [info.path for info in pages if info.path.endswith("html")]
    listed = parse_pages(evidence.read(evidence.address(LIST)) or b"[]")
    assert [page.path for page in listed] == shown
    assert len(shown) == 1
    run_id = payload["challenger"]["mlflow_run_id"]
    logged = {file.path for file in mlflow.MlflowClient().list_artifacts(run_id)}
    assert logged >= {"validation.json", "verdict.json", "report.html", "evaluation.png"}


def run_stages_from(payload: dict[str, Any], model: str, stage: str) -> dict[str, Any]:
    """Run one stage on what the earlier ones handed over, as JSON."""
    run = {
        "model": model,
        "as_of": "2026-03-20T00:00:00Z",
        "reason": "manual",
        "run_id": "test-run",
    }
    payload = {"run": run, **json.loads(json.dumps(payload))}
    return {**payload, STAGES[stage].output: run_stage(stage, payload)}


def test_cut_off_machine_does_not_finish_a_training_that_a_retry_took_over(
    on_machine: OnMachine, make_model: MakeModel
) -> None:
    """The retry closes the MLflow run of the lost try; that one ends in an error, and says why."""
    on_machine("one")
    run = {"model": make_model(), "as_of": "2026-03-20T00:00:00Z", "reason": "manual"}
    lost = open_job(RunRequest.model_validate({**run, "run_id": "test-run"}))

    def retry() -> str:
        on_machine("two")
        with training_run(open_job(lost.run), "key") as opened:
            return str(opened.run_id)

    with (
        ThreadPoolExecutor(1) as other,
        pytest.raises(TransientError, match="another try"),
        training_run(lost, "key"),
    ):
        finished = other.submit(retry).result()
    experiment = mlflow.get_experiment_by_name(lost.spec.model)
    assert experiment is not None
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    assert {run.info.run_id for run in runs if run.info.status == "FINISHED"} == {finished}
    assert len(runs) == 2
