"""Every run of a stage leaves its cost and its result."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.evidence import Evidence
from airworthy.metrics.stage_metrics import OUTCOMES
from airworthy.stages import run_stage

from ..stages.conftest import MakeModel, RunStages  # noqa: TID252 - tests are no installed package
from .samples import Samples, samples


def metrics_of(environment: Environment, model: str) -> Samples:
    """Return the metrics of the model's stages, and those of its dataset."""
    files = [environment.state / "metrics" / f"stages_{model}.prom"]
    files += Path(environment.beside_lake(model, "metrics")).glob("*.prom")
    return {name: value for file in files for name, value in samples(file).items()}


def test_a_run_is_counted_measured_kept_and_told(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two runs are two in the counters; the dataset's figures, the evidence and the log are the
    last one's.
    """
    model = make_model()
    with caplog.at_level(logging.INFO):
        run_stages(model, last="ingest", run_id="first")
        dataset = run_stages(model, last="ingest", run_id="second")["dataset"]
    left_metrics = metrics_of(environment, model)
    counted = {
        outcome: left_metrics["airworthy_stage_runs_total", model, outcome, "ingest"]
        for outcome in OUTCOMES
    }
    assert counted == {"success": 2.0, "terminal": 0.0, "transient": 0.0, "error": 0.0}
    for name in ("wall_seconds", "cpu_seconds", "peak_memory_bytes"):
        assert left_metrics[f"airworthy_stage_{name}_count", model, "ingest"] == 2.0
        last = left_metrics[f"airworthy_stage_last_{name}", model, "ingest"]
        assert 0 < last < left_metrics[f"airworthy_stage_{name}_sum", model, "ingest"]
    assert left_metrics["airworthy_dataset_rows", model] == dataset["rows"]
    assert left_metrics["airworthy_dataset_quarantined_rows", model] == dataset["quarantined"]
    assert (
        left_metrics["airworthy_dataset_end_timestamp_seconds", model]
        == datetime(2026, 3, 20, tzinfo=UTC).timestamp()
    )
    evidence = Evidence(environment.beside_lake(model, "evidence"), "second")
    kept = json.loads(evidence.read(evidence.address("resources/ingest.json")) or "{}")
    assert kept["outcome"] == "success"
    assert (
        kept["peak_memory_bytes"]
        == left_metrics["airworthy_stage_last_peak_memory_bytes", model, "ingest"]
    )
    assert f"{model} ingest took {kept['wall_seconds']:.1f} s" in caplog.text


def test_a_failure_is_counted_by_whether_trying_again_helps(
    environment: Environment, make_model: MakeModel
) -> None:
    """A run as of no midnight is terminal; its error is the stage's own."""
    model = make_model()
    run = {"model": model, "as_of": "2026-03-20T01:00:00Z", "reason": "manual", "run_id": "wrong"}
    with pytest.raises(TerminalError, match="as_of is not a day"):
        run_stage("ingest", {"run": run})
    left_metrics = metrics_of(environment, model)
    assert left_metrics["airworthy_stage_runs_total", model, "terminal", "ingest"] == 1.0
    assert left_metrics["airworthy_stage_runs_total", model, "success", "ingest"] == 0.0
    assert ("airworthy_dataset_rows", model) not in left_metrics


def test_what_cannot_be_recorded_fails_no_stage(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a file in place of the folder, the stage has its output, and the log names the lost
    metrics.
    """
    environment.state.mkdir(parents=True, exist_ok=True)
    (environment.state / "metrics").write_text("a file")
    assert run_stages(make_model(), last="ingest")["dataset"]["rows"] > 0
    assert "what the stage took is not recorded" in caplog.text
