"""A small model with a champion, monitored through the lake: its world changes on a chosen day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airworthy.environment import Environment
from airworthy.handover.catalogue import OPERATIONS
from airworthy.stages import run_stage
from airworthy.traffic.current_traffic import current_champion

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..stages.conftest import COLUMNS, MakeModel, RunStages, make_model, run_stages  # noqa: TID252

__all__ = ["make_model", "run_stages"]

CHECKS = ("check_data", "check_skew", "check_drift", "check_performance", "decide")
MONITOR: dict[str, Any] = {
    "min_rows": 100,
    "retrain": {"min_labels": 100, "cooldown": "1d"},
    "reference": "14d",
}

RunMonitor = Callable[..., dict[str, Any]]


@pytest.fixture
def monitored_model(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> Callable[..., str]:
    """Return a function that builds a model and its champion, trained as of 2026-03-20.

    The world changes on `drift_from`. Not `released`, there is no champion yet. Built again, the
    model has a new spec and the same champion.
    """

    def make(
        drift_from: str | None = None,
        label_delay: str = "0d",
        released: bool = True,
        **changes: Any,
    ) -> str:
        source = {"type": "simulator", "rows_per_day": 400, "seed": 5}
        source |= {"drift_from": drift_from, "drift_strength": 3.0} if drift_from else {}
        ingest = {
            "source": source,
            "event_time": "picked_up_at",
            "key": ["delivery_id"],
            "label": "minutes",
            "label_delay": label_delay,
            "columns": dict(COLUMNS),
        }
        train = {"lookback": "15d", "holdout": "2d", "rounds": 40, "parameters": {"max_depth": 4}}
        gates = {"gates": [{"metric": "rmse", "max": 100}]}
        model = make_model(
            **{"ingest": ingest, "train": train, "evaluate": gates, "monitor": MONITOR, **changes}
        )
        if released and current_champion(environment, model) is None:
            make_champion(environment, model, run_stages(model)["version"]["version"])
        return model

    return make


@pytest.fixture
def run_monitor() -> RunMonitor:
    """Bring the lake up to a moment and run the monitor's operations on it; returns everything
    handed over.
    """

    def run(
        model: str, as_of: str, run_id: str | None = None, ingest: bool = True
    ) -> dict[str, Any]:
        moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
        request = {"model": model, "reason": "manual", "run_id": run_id or f"watch-{as_of}"}
        if ingest:
            midnight = moment.replace(hour=0, minute=0)
            run_stage("ingest", {"run": {**request, "as_of": midnight.isoformat()}})
        payload: dict[str, Any] = {"run": {**request, "as_of": moment.isoformat()}}
        for name in CHECKS:
            payload[OPERATIONS[name].output] = run_stage(name, payload)
        return payload

    return run
