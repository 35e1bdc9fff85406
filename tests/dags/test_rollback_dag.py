"""The rollback DAG: it waits for nobody, asks for a reason, and goes back with the real parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .conftest import DAGS, copy_models

if TYPE_CHECKING:
    from .conftest import Parse, Scripts


def test_every_model_has_a_rollback_dag(parse: Parse) -> None:
    """One documented task with retries, started by nothing but a person; the reason has no default."""
    dag = parse()["dags"]["delivery_eta__rollback"]
    assert list(dag["tasks"]) == ["rollback"]
    assert dag["schedule"] == "NullTimetable"
    assert dag["params"] == {"to_version": None, "from_version": None, "reason": None}
    assert dag["retries"] == [2]
    assert dag["documented"]
    assert dag["tags"] == ["airworthy", "delivery_eta", "rollback"]


def test_the_dag_goes_back_to_the_previous_champion_and_to_none_that_never_was(
    scripts: Scripts, tmp_path: Path
) -> None:
    """An impossible rollback fails the run, and the champion keeps serving. With a reason alone,
    alias and server name the first version after it, and the ledger has the reason.
    """
    copy_models(tmp_path / "models", ["lenient"])
    spec = tmp_path / "models" / "lenient" / "model.yaml"
    head, _ = spec.read_text(encoding="utf-8").split("  gates:\n")
    # Which of the versions is better is of no interest here: every one is let through.
    spec.write_text(f"{head}  gates:\n    - {{metric: rmse, max: 100}}\n", encoding="utf-8")
    result = scripts.run(
        "run_rollback_dag.py",
        {"AIRWORTHY_STATE": str(tmp_path / "state"), "AIRWORTHY_MODELS": str(spec.parents[1])},
        str(DAGS),
        "lenient",
        json.dumps({"reason": "a mistake", "to_version": "7"}),
        json.dumps({"reason": "late in the rain"}),
    )
    assert result["trained"] == ["success", "success"]
    impossible, possible = result["runs"]
    assert impossible == {"state": "failed", "served": "2", "champion": "2", "rollbacks": []}
    [rollback] = possible.pop("rollbacks")
    assert possible == {"state": "success", "served": "1", "champion": "1"}
    assert (rollback["from"], rollback["to"], rollback["reason"]) == ("2", "1", "late in the rain")
