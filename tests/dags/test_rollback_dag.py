"""The rollback DAG: it waits for nobody, asks for a reason, and goes back with the real parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .conftest import DAGS, copy_models, run_script

if TYPE_CHECKING:
    from .conftest import Parse


def test_every_model_has_a_rollback_dag(parse: Parse) -> None:
    """One documented task with retries, started by nothing but a person; the reason has no default."""
    dag = parse()["dags"]["delivery_eta__rollback"]
    assert list(dag["tasks"]) == ["rollback"]
    assert dag["schedule"] == "NullTimetable"
    assert dag["params"] == {"to_version": None, "from_version": None, "reason": None}
    assert dag["retries"] == [2]
    assert dag["documented"]
    assert dag["tags"] == ["airworthy", "delivery_eta", "rollback"]


def test_the_dag_goes_back_to_the_previous_champion(
    airflow_environment: dict[str, str], tmp_path: Path
) -> None:
    """Two releases, then the DAG with a reason: alias and server name the first version, the ledger
    has the reason.
    """
    result = _run(airflow_environment, tmp_path, {"reason": "late in the rain"})
    assert result["trained"] == ["success", "success"]
    assert result["state"] == "success"
    assert result["champion"] == result["served"] == "1"
    [rollback] = result["rollbacks"]
    assert (rollback["from"], rollback["to"], rollback["reason"]) == ("2", "1", "late in the rain")


def test_a_version_that_never_was_champion_fails_the_run(
    airflow_environment: dict[str, str], tmp_path: Path
) -> None:
    """An impossible rollback fails the run, and the champion keeps serving."""
    result = _run(airflow_environment, tmp_path, {"reason": "a mistake", "to_version": "7"})
    assert result["state"] == "failed"
    assert result["champion"] == result["served"] == "2"
    assert result["rollbacks"] == []


def _run(environment: dict[str, str], folder: Path, conf: dict[str, Any]) -> dict[str, Any]:
    copy_models(folder / "models", ["lenient"])
    spec = folder / "models" / "lenient" / "model.yaml"
    head, _ = spec.read_text(encoding="utf-8").split("  gates:\n")
    # Which of the versions is better is of no interest here: every one is let through.
    spec.write_text(f"{head}  gates:\n    - {{metric: rmse, max: 100}}\n", encoding="utf-8")
    state = {"AIRWORTHY_STATE": str(folder / "state"), "AIRWORTHY_MODELS": str(folder / "models")}
    return run_script(
        "run_rollback_dag.py", {**environment, **state}, str(DAGS), "lenient", json.dumps(conf)
    )
