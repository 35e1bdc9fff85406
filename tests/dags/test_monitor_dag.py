"""The monitor DAG: it judges a window once, with the real parts, and leaves a good champion alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .conftest import DAGS, copy_models

if TYPE_CHECKING:
    from .conftest import Parse, Scripts

CHECKS = ("check_skew", "check_drift", "check_performance")


def test_every_model_has_a_monitor_dag(parse: Parse) -> None:
    """Collect, the checks side by side, the decision, and its trigger, on the spec's schedule."""
    dag = parse()["dags"]["delivery_eta__monitor"]
    assert dag["tasks"]["collect"] == ["check_age", "check_data", "check_requests"]
    assert set(dag["tasks"]["check_data"]) >= set(CHECKS)
    assert all("decide" in dag["tasks"][check] for check in CHECKS)
    assert dag["tasks"]["decide"] == ["trigger_retraining"]
    assert dag["schedule"] == "CronDataIntervalTimetable"
    assert dag["documented"]
    assert dag["params"] == {"as_of": None}


def test_a_good_champion_is_left_alone(scripts: Scripts, tmp_path: Path) -> None:
    """A window without drift ends quiet, with every signal in the ledger; asked again, nothing is
    judged twice.
    """
    copy_models(tmp_path / "models", ["steady"])
    state = {
        "AIRWORTHY_STATE": str(tmp_path / "state"),
        "AIRWORTHY_MODELS": str(tmp_path / "models"),
    }
    result = scripts.run(
        "run_monitor_dag.py",
        state,
        str(DAGS),
        "steady",
        "2026-03-20",
        "2026-03-21",
    )
    assert result["states"] == ["success", "success"]
    first, second = result["tasks"]
    assert {first[task] for task in ("collect", "check_data", *CHECKS, "decide")} == {"success"}
    assert first["trigger_retraining"] == "skipped"
    assert {second[task] for task in (*CHECKS, "decide", "trigger_retraining")} == {"skipped"}
    [decision] = result["decisions"]
    assert decision["outcome"] == "quiet"
    assert decision["signals"] == {
        "skew": "quiet",
        "drift": "quiet",
        "label": "quiet",
        "loss": "quiet",
    }
    assert decision["window_end"].startswith("2026-03-21")
