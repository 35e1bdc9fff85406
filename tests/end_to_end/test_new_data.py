"""New data through the real scheduler: an event of the source's asset starts a run; it stops on
unfit data.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml
from airflow_client.client import AssetApi, CreateAssetEventsBody, DAGApi, DAGPatchBody

from airworthy.days import floor_day
from airworthy.environment import load_environment
from airworthy.errors import TransientError
from airworthy.handover import DatasetRef
from airworthy.ledger import open_ledger
from airworthy_airflow.demo.runs import wait_for_dag

from .conftest import RUN_SECONDS, Stack, alerts_of, wait_until, write_model

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "fed"
DAG = f"{MODEL}__train"


def write_fed_model(models: Path) -> None:
    """Write a model without a schedule, with an asset as source, and with data never fit."""
    write_model(models, MODEL)
    path = models / MODEL / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["schedule"], spec["train"]["lookback"] = None, "5d"
    spec["ingest"]["asset"] = {"name": "rides", "uri": "s3://lake/rides"}
    spec["validate"] = {
        "expectations": [{"type": "expect_table_row_count_to_be_between", "max_value": 1}]
    }
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")


def announced(stack: Stack) -> bool:
    """Tell of new data; on SQLite, Airflow refuses to listen while another process writes."""
    assets = AssetApi(stack.airflow)
    try:
        [rides] = [
            asset
            for asset in assets.get_assets(name_pattern="rides").assets
            if asset.name == "rides"
        ]
        assets.create_asset_event(CreateAssetEventsBody(asset_id=rides.id))
    except TransientError:
        return False
    return True


def test_new_data_start_a_run_that_sees_all_complete_days(stack: Stack) -> None:
    """The run has no data interval: it sees the days before its event's; its failure is an alert."""
    write_fed_model(load_environment().models)
    wait_for_dag(stack.airflow, DAG, RUN_SECONDS)
    DAGApi(stack.airflow).patch_dag(DAG, DAGPatchBody(is_paused=False))
    before = datetime.now(UTC)
    wait_until("Airflow to take the news", lambda: announced(stack), RUN_SECONDS)
    [run, *_] = wait_until("a run", lambda: stack.runs(MODEL), RUN_SECONDS)
    run_id = run.dag_run_id
    assert run.run_type == "asset_triggered"
    assert run.data_interval_end is None
    assert stack.end(MODEL, run_id) == "failed"
    assert stack.states(MODEL, run_id)["validate"] == "failed"
    dataset = DatasetRef.model_validate(stack.stage_output(MODEL, run_id, "ingest"))
    assert floor_day(before) <= dataset.window.end <= floor_day(datetime.now(UTC))
    assert "new_data" in stack.log(MODEL, run_id, "ingest")
    [alert] = alerts_of(MODEL)
    assert len(open_ledger(load_environment(), MODEL).entries()) == 1
    assert (alert["kind"], alert["about"]) == ("failed_validation", dataset.id)
