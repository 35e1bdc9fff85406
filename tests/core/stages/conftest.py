"""A small model of its own for each test, run through the real stages on real Delta tables and a
real MLflow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from airworthy.environment import Environment
from airworthy.handover.catalogue import STAGES
from airworthy.stages import run_stage

AS_OF = "2026-03-20"
COLUMNS = {
    "delivery_id": "int", "city": "category", "vehicle": "category", "weather": "category", "distance_km": "float",
    "stops": "int", "minutes": "float", "late": "bool",
}  # fmt: skip
FEATURES = """
import polars as pl

FEATURES = {
    "hour": pl.col("picked_up_at").dt.hour(),
    "city": pl.col("city"),
    "vehicle": pl.col("vehicle"),
    "weather": pl.col("weather"),
    "distance_km": pl.col("distance_km"),
    "km_per_stop": pl.col("distance_km") / pl.col("stops"),
}
"""

LET_THROUGH: dict[str, Any] = {
    "gates": [{"metric": "rmse", "max": 1000}],
    "waive": [
        {"gate": gate, "because": "which version is better is of no interest here"}
        for gate in ("champion", "baseline", "slices")
    ],
}
"""An evaluate part that lets every version through."""

MakeModel = Callable[..., str]
RunStages = Callable[..., dict[str, Any]]


def small_spec(name: str, **changes: Any) -> dict[str, Any]:
    """A regression on a few simulated rows; `changes` replace whole parts."""
    spec: dict[str, Any] = {
        "model": name,
        "task": "regression",
        "owner": "tests",
        "ingest": {
            "source": {"type": "simulator", "rows_per_day": 400},
            "event_time": "picked_up_at",
            "key": ["delivery_id"],
            "label": "minutes",
            "columns": dict(COLUMNS),
        },
        "validate": {
            "expectations": [
                {"type": "expect_column_values_to_not_be_null", "column": "delivery_id"}
            ]
        },
        "train": {"lookback": "8d", "holdout": "2d", "rounds": 40, "parameters": {"max_depth": 4}},
        "evaluate": {
            "slices": ["city"],
            "gates": [
                {"metric": "rmse", "max": 100},
                {"metric": "rmse", "against": "champion", "margin": 0.05},
                {"metric": "rmse", "against": "baseline", "better_by": 0.02},
            ],
        },
    }
    return {**spec, **changes}


@pytest.fixture
def make_model(
    mlflow_database: None,
    environment: Environment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeModel:
    """Write a model folder and make it the only one known."""
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))

    def make(name: str = "small_model", features: str = FEATURES, **changes: Any) -> str:
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.yaml").write_text(
            yaml.safe_dump(small_spec(name, **changes)), encoding="utf-8"
        )
        (folder / "features.py").write_text(features, encoding="utf-8")
        return name

    return make


@pytest.fixture
def run_stages() -> RunStages:
    """Return a function that runs stages up to the last one named, and returns the payload."""

    def run(
        model: str,
        last: str = "register",
        as_of: str = AS_OF,
        run_id: str = "test-run",
        **more: Any,
    ) -> dict[str, Any]:
        moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
        request = {
            "model": model,
            "as_of": moment.isoformat(),
            "reason": "manual",
            "run_id": run_id,
            **more,
        }
        payload: dict[str, Any] = {"run": request}
        for name, stage in STAGES.items():
            payload[stage.output] = run_stage(name, payload)
            if name == last:
                break
        return payload

    return run
