"""The path from ingest to registration, on real Delta tables and a real MLflow."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import pytest

from airworthy.bundle import MODEL_FILE, ModelBundle
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.lake.dataset_records import TrainingRecord
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import open_ledger
from airworthy.registry.registry import open_registry
from airworthy.spec.evaluate_part import METRICS
from airworthy.traffic.current_traffic import current_champion

from .conftest import MakeModel, RunStages, small_spec

CLASSIFICATION = {
    "binary": ("late", "auc"),
    "multiclass": ("weather", "accuracy"),
}


def test_repeated_run_gives_the_same_of_everything(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The same run twice: one dataset digest, the same model bytes, one registered version, one
    ledger entry for it.
    """
    model = make_model()
    first, second = run_stages(model, run_id="one"), run_stages(model, run_id="two")
    assert second["dataset"]["partitions_read"] == 0
    assert first["dataset"]["digest"] == second["dataset"]["digest"]
    assert first["challenger"]["mlflow_run_id"] != second["challenger"]["mlflow_run_id"]
    assert first["challenger"]["model_sha256"] == second["challenger"]["model_sha256"]
    assert first["challenger"]["bundle_digest"] == second["challenger"]["bundle_digest"]
    assert (first["version"]["version"], first["version"]["created"]) == ("1", True)
    assert (second["version"]["version"], second["version"]["created"]) == ("1", False)
    kinds = [entry.kind for entry in open_ledger(environment, model).entries()]
    assert kinds == ["verdict", "registration", "verdict"]


def test_other_data_or_parameters_give_another_version(
    make_model: MakeModel, run_stages: RunStages
) -> None:
    """Another window, and another parameter, are another version each."""
    model = make_model()
    versions = [
        run_stages(model)["version"]["version"],
        run_stages(model, as_of="2026-03-21")["version"]["version"],
        run_stages(model, parameters={"max_depth": 2})["version"]["version"],
    ]
    assert versions == ["1", "2", "3"]


def test_evidence_is_with_the_run(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow has metrics of every role, the verdict, the picture, the dataset under our digest.

    The version names code and libraries, and so does the lake's record of its training.
    """
    monkeypatch.setenv("AIRWORTHY_GIT_COMMIT", "abc123")
    monkeypatch.setenv("AIRWORTHY_LOCK_DIGEST", "def456")
    payload = run_stages(make_model())
    run = mlflow.get_run(payload["challenger"]["mlflow_run_id"])
    assert {"challenger_rmse", "baseline_rmse", "challenger_r2"} <= set(run.data.metrics)
    assert run.data.tags["airworthy.verdict"] == payload["verdict"]["outcome"] == "pass"
    assert run.inputs.dataset_inputs[0].dataset.digest == payload["dataset"]["digest"][:36]
    artifacts = {item.path for item in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert {"verdict.json", "evaluation.png", "baseline.json"} <= artifacts
    tags = open_registry(environment).version("small_model", "1").tags
    assert tags["airworthy.dataset_digest"] == payload["dataset"]["digest"]
    assert tags["airworthy.validation_status"] == "approved"
    assert tags["airworthy.reason"] == "manual"
    assert (tags["airworthy.git_commit"], tags["airworthy.lock_digest"]) == ("abc123", "def456")
    [(_, trained)] = open_datasets(environment, "small_model").events(TrainingRecord)
    assert (trained.git_commit, trained.lock_digest) == ("abc123", "def456")


def test_failed_gate_registers_a_rejected_version(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A challenger over its bound is registered as rejected, with the reason, and can never become
    champion.
    """
    evaluate = {"gates": [{"metric": "rmse", "max": 0.001}]}
    payload = run_stages(make_model(evaluate=evaluate))
    assert payload["verdict"]["outcome"] == "fail"
    assert payload["version"]["validation_status"] == "rejected"
    registry = open_registry(environment)
    assert "at most 0.001" in registry.version("small_model", "1").tags["airworthy.reasons"]
    with pytest.raises(TerminalError, match="can never take an alias"):
        registry.require_releasable("small_model", "1")
    assert current_champion(environment, "small_model") is None


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classification_end_to_end(
    environment: Environment, make_model: MakeModel, run_stages: RunStages, task: str
) -> None:
    """Binary and multiclass models have all of their task's metrics and a confusion matrix over
    every holdout row.
    """
    label, metric = CLASSIFICATION[task]
    spec = small_spec("small_model")
    features = "import polars as pl\nFEATURES = {'km': pl.col('distance_km')}\n"
    if task == "binary":
        features = features.replace("}", ", 'city': pl.col('city'), 'weather': pl.col('weather')}")
    model = make_model(
        task=task,
        features=features,
        ingest={**spec["ingest"], "label": label},
        evaluate={"gates": [{"metric": metric, "min": 0.1}]},
    )
    payload = run_stages(model)
    assert set(payload["verdict"]["metrics"]["challenger"]) == set(METRICS[task])
    registry = open_registry(environment)
    matrix = json.loads(
        registry.run_artifact_text(payload["challenger"]["mlflow_run_id"], "confusion_matrix.json")
    )
    assert np.sum(matrix["matrix"]) == payload["verdict"]["holdout_rows"] > 0


def test_registered_model_is_a_plain_mlflow_model(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """MLflow's own loader gives the same predictions from raw rows, and no file of the model is a
    pickle.
    """
    model = make_model()
    run_stages(model)
    registry = open_registry(environment)
    folder, digest = registry.bundle(model, "1")
    bundle = ModelBundle.load(folder, digest)
    version = registry.version(model, "1")
    example = registry.download(version.source, "")
    loaded = mlflow.pyfunc.load_model(f"models:/{model}/1")
    rows = loaded.input_example
    frame = pl.from_pandas(rows).with_columns(pl.col("picked_up_at").cast(pl.Datetime("us", "UTC")))
    assert loaded.predict(rows).tolist() == bundle.predict(frame).tolist()
    assert [
        path for path in Path(example).rglob("*") if path.suffix in {".pkl", ".pickle", ".joblib"}
    ] == []
    requirements = (Path(example) / "requirements.txt").read_text()
    assert all("==" in line for line in requirements.splitlines() if line)


def test_tampered_model_is_never_loaded(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A model file with one byte changed is refused before anything of it is run."""
    model = make_model()
    run_stages(model)
    folder, digest = open_registry(environment).bundle(model, "1")
    path = folder / MODEL_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(TerminalError, match="not those that were registered"):
        ModelBundle.load(folder, digest)


def test_search_is_reproducible(make_model: MakeModel, run_stages: RunStages) -> None:
    """Two searches with the same seed choose the same parameters, within the declared ranges."""
    train = {
        **small_spec("m")["train"],
        "search": {"trials": 4, "space": {"max_depth": [2, 5], "learning_rate": [0.05, 0.5]}},
    }
    model = make_model(train=train)
    chosen = [run_stages(model, last="train", run_id=name)["challenger"] for name in ("one", "two")]
    assert chosen[0]["parameters"] == chosen[1]["parameters"]
    assert chosen[0]["model_sha256"] == chosen[1]["model_sha256"]
    assert 2 <= chosen[0]["parameters"]["max_depth"] <= 5
