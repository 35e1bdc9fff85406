"""The score DAG of every scoring model; each run scores its own day once, with the champion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.core.models.shipped import SHIPPED as MODELS

from .conftest import DAGS, SCORING, SHIPPED, copy_models

if TYPE_CHECKING:
    from .conftest import Parse, Scripts


def test_every_model_that_scores_batches_has_a_score_dag(parse: Parse) -> None:
    """Two tasks on the spec's schedule; a model without a score part has none."""
    dags = parse()["dags"]
    dag = dags["delivery_late__score"]
    assert dag["tasks"] == {"ingest_inputs": ["score"], "score": []}
    assert dag["schedule"] == "CronDataIntervalTimetable"
    assert dag["catchup"] is False
    assert dag["documented"]
    assert dag["params"] == {"as_of": None}
    answers = [
        model
        for model in MODELS
        if "\nscore:" in (SHIPPED / model / "model.yaml").read_text("utf-8")
    ]
    assert sorted(name for name in dags if name.endswith("__score")) == sorted(
        f"{model}__score" for model in answers
    )
    assert "bike_demand__score" not in dags


def test_each_run_scores_its_own_day_once(scripts: Scripts, tmp_path: Path) -> None:
    """Without a champion it fails before anything is read; with one, each day is written once, by
    its own run.
    """
    copy_models(tmp_path / "models", ["nightly"], SCORING)
    state = {
        "AIRWORTHY_STATE": str(tmp_path / "state"),
        "AIRWORTHY_MODELS": str(tmp_path / "models"),
    }
    days = ("2026-03-20", "2026-03-22", "2026-03-20")
    result = scripts.run(
        "run_score_dag.py",
        state,
        str(DAGS),
        "nightly",
        "2026-03-20",
        *days,
    )
    assert result["before"] == {"ingest_inputs": "failed", "score": "upstream_failed"}
    assert result["states"] == ["success", "success", "success"]
    assert [record["partition"] for record in result["history"]] == ["2026-03-19", "2026-03-21"]
    assert [record["run_id"] for record in result["history"]] == result["runs"][:2]
    assert {record["dag_id"] for record in result["history"]} == {"nightly__score"}
    assert {(record["model_version"], record["quarantined"]) for record in result["history"]} == {
        ("1", 0)
    }
    assert all(record["rows"] > 1900 for record in result["history"])
