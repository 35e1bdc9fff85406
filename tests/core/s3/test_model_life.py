"""A model's whole life on ``s3://``: no folder of lake or artifacts is needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airworthy.batch_scoring.find_score import find_scored_row
from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.environment import Environment
from airworthy.handover.catalogue import OPERATIONS
from airworthy.lake import delta, open_lake
from airworthy.lake.dataset_records import BenchmarkRecord, DatasetRecord, TrainingRecord
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import open_ledger
from airworthy.lineage.trace import trace
from airworthy.model_status.history import computed_history, model_history
from airworthy.model_status.ledger_position import ledger_position
from airworthy.model_status.summaries import computed_summary, model_summary
from airworthy.object_store import open_store
from airworthy.predictions.collect import collect
from airworthy.predictions.find_prediction import find_prediction
from airworthy.predictions.log_tables import table_uri
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import PREDICTIONS, PredictionLog, open_prediction_log
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..predictions.conftest import ROW, body_of, in_lake, manifest  # noqa: TID252 - tests are no installed package
from ..stages.conftest import MakeModel, RunStages, make_model, run_stages  # noqa: TID252 - tests are no installed package

__all__ = ["make_model", "run_stages"]

CHECKS = ("check_data", "check_skew", "check_drift", "check_performance", "decide")
MANY = 25


def operate(model: str, as_of: str, *operations: str) -> dict[str, Any]:
    """Run operations on each other's outputs; return the payload."""
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC).isoformat()
    run = {"model": model, "as_of": moment, "reason": "manual", "run_id": f"run-{as_of}"}
    payload: dict[str, Any] = {"run": run}
    for name in operations:
        payload[OPERATIONS[name].output] = run_stage(name, payload)
    return payload


def test_a_model_is_made_registered_monitored_and_scores(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Each stage finds there what the one before left, and no state folder has it."""
    model = make_model(
        score={}, monitor={"min_rows": 100, "retrain": {"min_labels": 100}, "reference": "14d"}
    )
    made = run_stages(model)
    registry = open_registry(environment)
    bundle, digest = registry.bundle(model, "1")
    assert digest == made["version"]["bundle_digest"]
    assert bundle.is_relative_to(environment.state)
    make_champion(environment, model, "1")

    _assert_recorded(environment, model)
    monitored = operate(model, "2026-03-20", *CHECKS)
    assert monitored["decision"]["outcome"]
    _assert_summarised(environment, model, monitored)
    scored = operate(model, "2026-03-20", "ingest_inputs", "score")
    assert scored["batch_score"]["rows"] > 0
    row = BatchPredictions(environment, model).scan(_window(scored)).collect().row(0, named=True)
    assert find_scored_row(environment, [model], f"{row['request_id']}:{row['row']}") is not None
    assert open_ledger(environment, model).first_broken_entry() is None
    assert open_store(environment.artifacts).list(model)
    assert not (environment.state / "lake").exists()


def _window(scored: dict[str, Any]) -> Any:
    from airworthy.handover import ScoringInputs

    return ScoringInputs.model_validate(scored["scoring_inputs"]).dataset.window


def _assert_recorded(environment: Environment, model: str) -> None:
    datasets = open_datasets(environment, model)
    assert len(datasets.events(DatasetRecord)) == 1
    assert datasets.events(TrainingRecord)
    assert datasets.events(BenchmarkRecord)
    answer = trace(environment, f"{model}/1")
    kinds = {node.kind for node in answer.graph.nodes.values()}
    assert {"dataset", "partition", "version"} <= kinds
    assert open_lake(environment, model).quarantine().width == 4


@pytest.fixture
def log(environment: Environment) -> Iterator[PredictionLog]:
    """The log of a server in this environment."""
    opened = open_prediction_log(environment)
    yield opened
    opened.close()


def _assert_summarised(environment: Environment, model: str, monitored: dict[str, Any]) -> None:
    """The summary has the figures of the runs' own evidence; it is kept until the next entry."""
    first = ledger_position(environment, model)
    assert ledger_position(environment, model, known=first) == first
    summary = model_summary(environment, model)
    assert summary == model_summary(environment, model) == computed_summary(environment, model)
    assert summary.quality is not None
    live = monitored["performance"]["metrics"].get("rmse")
    assert live is None or (summary.quality.value, summary.quality.measured_on) == (live, "live")
    history = model_history(environment, model)
    assert history == computed_history(environment, model)
    assert [each.outcome for each in history.gates] == ["pass"] * len(history.gates) != []
    assert history.versions[0].metrics["rmse"] > 0


def test_predictions_are_collected_once_and_found_from_elsewhere(
    environment: Environment, log: PredictionLog, tmp_path: Path
) -> None:
    """Also in a table whose small files were compacted, by a machine without the spool."""
    ids = []
    for _ in range(MANY):
        request = new_request_id()
        body = body_of([ROW])
        assert log.record(request, "eta", "1", "champion", "someone", body, [1.5], manifest())
        ids.append(f"{request}:0")
        assert collect(environment, "eta").predictions == 1
    assert collect(environment, "eta").predictions == 0
    assert in_lake(environment)["id"].sort().to_list() == sorted(ids)
    table = delta.open_table(table_uri(environment, "eta", PREDICTIONS))
    assert table is not None
    assert len(table.file_uris()) < MANY
    elsewhere = environment.model_copy(update={"state": tmp_path / "elsewhere"})
    found = find_prediction(elsewhere, "eta", ids[3])
    assert found is not None
    assert found.in_lake


def test_polars_scans_what_delta_wrote(environment: Environment) -> None:
    """With the same variables and nothing else."""
    uri = f"{environment.lake}/table"
    delta.open_or_create(uri, {"n": pl.Int64(), "partition": pl.String()})
    table = delta.open_table(uri)
    assert table is not None
    delta.replace_partition(table, pl.DataFrame({"n": [1, 2]}), "2026-01-31", {"kind": "test"})
    table = delta.open_table(uri)
    assert table is not None
    assert delta.scan(table).collect().height == 2
    files = [path for paths in delta.files_by_partition(table).values() for path in paths]
    assert delta.scan_files(uri, files).collect().height == 2
