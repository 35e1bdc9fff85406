"""A version is what one verdict was made about: the same key is the same model, and anything else is said."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage

from .conftest import MakeModel, RunStages
from .test_refusals import FEATURES, TRAIN, from_files


def test_same_rows_cut_elsewhere_are_another_version(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A day without rows changes no content but moves the holdout: another model, so another version."""
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
    assert [found["version"]["version"] for found in (one, two)] == ["1", "2"]


def test_another_model_under_a_known_key_is_refused(
    make_model: MakeModel, run_stages: RunStages
) -> None:
    """A verdict about other files than those of the registered version never becomes that version's."""
    found = run_stages(make_model())
    found["challenger"]["bundle_digest"] = "0" * 64
    with pytest.raises(TerminalError, match="other files") as caught:
        run_stage("register", found)
    assert "0000" in str(caught.value)


def test_verdict_against_another_champion_is_another_entry(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """An evaluation that is repeated after the champion changed is recorded beside the first one."""
    model = make_model()
    found = run_stages(model)
    run_stage("evaluate", found)
    open_registry(environment).promote(model, found["version"]["version"], expected=None)
    run_stage("evaluate", found)
    entries = [
        entry for entry in open_ledger(environment, model).entries() if entry.kind == "verdict"
    ]
    assert [entry.event.champion for entry in entries] == [None, "1"]


def test_example_has_no_missing_values_when_rows_are_whole(
    tmp_path: Path, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The example that users are shown has a value everywhere, though the first row of the data has not."""
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
