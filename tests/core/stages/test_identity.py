"""A version is the object of one verdict: the same key is the same model, or an error."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import VerdictReached
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from .conftest import MakeModel, RunStages
from .test_refused_inputs import FEATURES, TRAIN, from_files


def test_same_rows_cut_elsewhere_are_another_version(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A day without rows changes no content but moves the holdout: another model, so another
    version.
    """
    ingest = from_files(tmp_path, pl.Series(range(50)))
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train=TRAIN | {"lookback": "20d"},
        start="2026-03-12",
        evaluate={"gates": [{"metric": "rmse", "max": 100}]},
    )
    one, two = run_stages(model, run_id="one"), run_stages(model, as_of="2026-03-21", run_id="two")
    assert one["dataset"]["digest"] == two["dataset"]["digest"]
    assert one["challenger"]["split"] != two["challenger"]["split"]
    assert [payload["version"]["version"] for payload in (one, two)] == ["1", "2"]


def test_another_model_under_a_known_key_is_refused(
    make_model: MakeModel, run_stages: RunStages
) -> None:
    """A verdict about other files than those of the registered version never becomes that
    version's.
    """
    payload = run_stages(make_model())
    payload["challenger"]["bundle_digest"] = "0" * 64
    with pytest.raises(TerminalError, match="other files") as caught:
        run_stage("register", payload)
    assert "0000" in str(caught.value)


def test_verdict_against_another_champion_is_another_entry(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """An evaluation repeated after a change of the champion is recorded beside the first one."""
    model = make_model()
    payload = run_stages(model)
    run_stage("evaluate", payload)
    make_champion(environment, model, payload["version"]["version"])
    run_stage("evaluate", payload)
    entries = of_kind(open_ledger(environment, model).entries(), VerdictReached)
    assert [entry.event.champion for entry in entries] == [None, "1"]


def test_example_has_no_missing_values_when_rows_are_whole(
    tmp_path: Path, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The example for users has a value everywhere, though the first row of the data has not."""
    ingest = from_files(tmp_path, pl.Series(range(50)))
    for path in (tmp_path / "models" / "small_model" / "data").glob("*.csv"):
        stops = pl.when(pl.col("delivery_id") > 0).then(pl.col("delivery_id")).alias("stops")
        pl.read_csv(path).with_columns(stops).write_csv(path)
    ingest["columns"]["stops"] = "int"
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train=TRAIN,
        evaluate={"gates": [{"metric": "rmse", "max": 100}]},
    )
    version = run_stages(model)["version"]["version"]
    example = open_registry(environment).example(model, version)
    assert example is not None
    assert [None not in row for row in example["dataframe_split"]["data"]] == [True] * 3
