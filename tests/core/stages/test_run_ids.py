"""Whatever a run is called, its evidence stays in the model's folder and its retries find their own
runs.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import RunRequest
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage

from .conftest import MakeModel, RunStages


def request(run_id: str, model: str = "small_model") -> RunRequest:
    """Return the run request of a stage."""
    values = {"model": model, "as_of": "2026-03-20T00:00:00Z", "reason": "api", "run_id": run_id}
    return RunRequest.model_validate(values)


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400))
def test_folder_is_one_plain_name_of_its_own(one: str, other: str) -> None:
    """Any run id gives one valid path component, and two ids give two."""
    names = [request(run_id).folder_name for run_id in (one, other)]
    for name in names:
        assert not {"/", "\x00"} & set(name)
        assert name not in ("", ".", "..")
        assert len(name.encode()) <= 255
    assert (names[0] == names[1]) == (one == other)


def test_airflow_run_id_is_its_own_folder() -> None:
    """Airflow's run id is the folder's name, unchanged."""
    run_id = "scheduled__2026-03-20T00:00:00+00:00"
    assert request(run_id).folder_name == run_id


def test_run_id_that_climbs_stays_in_the_evidence(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A run id with ``..`` and ``/`` writes nothing outside the model's evidence."""
    model = make_model()
    evidence = run_stages(model, last="validate", run_id="../../../escaped")["validation"][
        "evidence"
    ]
    assert Path(evidence).is_file()
    assert Path(environment.beside_lake(model, "evidence")) in Path(evidence).resolve().parents
    assert not (environment.state.parent / "escaped").exists()


def test_run_id_with_quotes_is_a_name_like_any_other(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A quote in a run id is no part of a query to MLflow: the retry closes the open run, no other."""
    model = make_model()
    mine, other = "it's ' or 1", "another"
    assert open_registry(environment).client.get_experiment_by_name(model) is None
    trained = run_stages(model, last="train", run_id=mine)["challenger"]["mlflow_run_id"]
    experiment_id = mlflow.get_run(trained).info.experiment_id
    client = mlflow.MlflowClient()
    open_runs = {
        name: client.create_run(experiment_id, tags={"airworthy.run_id": name})
        for name in (mine, other)
    }
    run_stages(model, last="train", run_id=mine)
    states = {name: client.get_run(run.info.run_id).info.status for name, run in open_runs.items()}
    assert states == {mine: "KILLED", other: "RUNNING"}


@pytest.mark.parametrize("model", ["../secrets", "", "a/b", "Upper"])
def test_model_is_a_name_and_no_path(environment: Environment, model: str) -> None:
    """A path in place of a model's name is refused before any file access."""
    run = {"model": model, "as_of": "2026-03-20T00:00:00Z", "reason": "api", "run_id": "r"}
    with pytest.raises(TerminalError, match=r"run\.model"):
        run_stage("ingest", {"run": run})
