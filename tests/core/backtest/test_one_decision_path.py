"""The real monitor and its replay over the same windows come to the same signals and decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from airworthy.days import DAY
from airworthy.environment import Environment
from airworthy.handover import DriftDecision, RunRequest
from airworthy.handover.catalogue import OPERATIONS
from airworthy.job import open_job
from airworthy.ledger import open_ledger
from airworthy.monitoring.history import decisions
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.monitored_champion import load_champion
from airworthy.monitoring.simulation.monitor_replay import MonitorReplay
from airworthy.monitoring.simulation.replayed_ledger import ReplayedLedger
from airworthy.monitoring.spans import live_span
from airworthy.stages import run_stage
from airworthy.traffic import traffic_of

from ...repetitions import repetitions  # noqa: TID252 - tests are no installed package
from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..stages.conftest import LET_THROUGH, MakeModel, make_model, run_stages  # noqa: TID252

__all__ = ["make_model", "run_stages"]

FEATURES = 'import polars as pl\n\nFEATURES = {"x": pl.col("x"), "kind": pl.col("kind")}\n'
CHECKS = ("check_data", "check_skew", "check_drift", "check_performance", "decide")
TRAINED = datetime(2026, 3, 30, tzinfo=UTC)  # a Monday
END = TRAINED + 15 * DAY
EMPTY_DAY = TRAINED + 3 * DAY

RunStages = Callable[..., dict[str, Any]]


def rows_of(day: datetime, rows_a_day: int) -> pl.DataFrame:
    """Return a day's rows. Their labels change eight days after the training."""
    chance = np.random.default_rng(day.toordinal())
    x = chance.normal(size=rows_a_day)
    slope = 1.0 if day < TRAINED + 4 * DAY else -2.0
    minutes = [int(each) for each in chance.integers(0, 24 * 60, rows_a_day)]
    return pl.DataFrame(
        {
            "id": [day.toordinal() * 1000 + number for number in range(rows_a_day)],
            "at": [day + timedelta(minutes=minute) for minute in sorted(minutes)],
            "x": x,
            "kind": [("a", "b")[number % 2] for number in range(rows_a_day)],
            "y": slope * x + chance.normal(size=rows_a_day),
        }
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """Return a function that writes 70 days of files, one of them missing, and returns the path."""

    def write(rows_a_day: int) -> str:
        folder = tmp_path_factory.mktemp(f"rows-{rows_a_day}")
        for number in range(-56, 16):
            day = TRAINED + number * DAY
            if day != EMPTY_DAY:
                rows_of(day, rows_a_day).write_parquet(folder / f"{day:%Y-%m-%d}.parquet")
        return f"{folder}/{{yyyy}}-{{mm}}-{{dd}}.parquet"

    return write


def spec_of(path: str, monitor: dict[str, Any], label_delay: str) -> dict[str, Any]:
    """Return the parts of a model of these files."""
    columns = {"id": "int", "x": "float", "kind": "category", "y": "float"}
    ingest = {
        "source": {"type": "files", "format": "parquet", "path": path},
        "event_time": "at",
        "key": ["id"],
        "label": "y",
        "label_delay": label_delay,
        "columns": columns,
    }
    expectations = [{"type": "expect_column_values_to_not_be_null", "column": "id"}]
    return {
        "start": (TRAINED - 56 * DAY).date(),
        "end": (TRAINED + 15 * DAY).date(),
        "ingest": ingest,
        "validate": {"expectations": expectations},
        "train": {
            "lookback": "35d",
            "holdout": "14d",
            "min_rows": 10,
            "rounds": 8,
            "parameters": {"max_depth": 2, "nthread": 1},
        },
        "evaluate": LET_THROUGH,
        "monitor": monitor,
    }


def monitored(model: str, moments: list[datetime]) -> None:
    """Run the real monitor at these moments, on a lake that has the days before each."""
    for moment in moments:
        run = {"model": model, "reason": "manual", "run_id": f"look-{moment:%m-%dT%H}"}
        day = moment.replace(hour=0)
        run_stage("ingest", {"run": {**run, "as_of": day.isoformat()}})
        payload: dict[str, Any] = {"run": {**run, "as_of": moment.isoformat()}}
        for name in CHECKS:
            if name != "check_data" and payload["data_check"]["window"]["decided"]:
                break
            payload[OPERATIONS[name].output] = run_stage(name, payload)


def replayed(environment: Environment, model: str, moments: list[datetime]) -> list[DriftDecision]:
    """Replay the monitor at the same moments, on the lake of the end."""
    run = RunRequest(model=model, as_of=END, reason="manual", run_id="replay")
    job = open_job(run)
    served = traffic_of(open_ledger(environment, model).entries()).champion
    assert served is not None
    ledger = ReplayedLedger()
    version = ledger.add_version(TRAINED, "manual", approved=True)
    champion = replace(load_champion(job, served), version=version)
    live = LakeRows.at(job)
    with TemporaryDirectory() as folder:
        replay = MonitorReplay(job, champion, live, Path(folder), ledger)
        for moment in moments:
            span = live_span(moment, live.until_by(moment), job.spec.monitor.window)
            replay.look(span, moment)
    return decisions(ledger.entries)


def compared(decision: DriftDecision) -> tuple[Any, ...]:
    """Return what has to be the same: the window, the signals with their words, the decision."""
    return (
        decision.window_start,
        decision.window_end,
        decision.signals,
        decision.words,
        decision.outcome,
        decision.told,
        decision.reason,
        decision.trigger,
        decision.train_as_of,
        decision.last_retrained,
        decision.rejected_in_a_row,
        decision.blind_windows,
    )


WINDOWS = ("6h", "1d", "1d", "1w")
CASES = st.fixed_dictionaries(
    {
        "rows_a_day": st.sampled_from([12, 48, 120]),
        "window": st.sampled_from(WINDOWS),
        "min_rows": st.sampled_from([10, 40, 100]),
        "min_labels": st.sampled_from([10, 40, 100]),
        "label_delay": st.sampled_from(["0d", "6h", "2d"]),
        "persist": st.sampled_from(["1 of 1", "2 of 3"]),
        "cooldown": st.sampled_from(["1d", "7d"]),
    }
)


SAMPLES = [
    {
        "rows_a_day": 120,
        "window": "1d",
        "min_rows": 40,
        "min_labels": 100,
        "label_delay": "2d",
        "persist": "2 of 3",
        "cooldown": "1d",
    },
    {
        "rows_a_day": 48,
        "window": "1w",
        "min_rows": 100,
        "min_labels": 40,
        "label_delay": "6h",
        "persist": "1 of 1",
        "cooldown": "7d",
    },
]


def moments_of(window: str) -> list[datetime]:
    """Return the moments of the looks: after the change of the labels too, and some repeated."""
    days = (7, 7.5, 8, 14, 15) if window == "1w" else (1, 2, 2.5, 4, 4.5, 6, 7)
    return [TRAINED + each * DAY for each in days]


@settings(
    max_examples=repetitions(1, thorough=10),
    phases=[Phase.explicit] if repetitions(0, thorough=1) == 0 else tuple(Phase),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@example(SAMPLES[0])
@given(CASES)
def test_the_real_monitor_and_its_replay_decide_alike(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    files: Callable[[int], str],
    case: dict[str, Any],
) -> None:
    """Few rows, few labels, late labels, missing days, windows of hours, days and weeks: the same
    signals, words and decisions, window by window.
    """
    retrain = {key: case[key] for key in ("min_labels", "persist", "cooldown")}
    monitor = {
        "window": case["window"],
        "min_rows": case["min_rows"],
        "reference": "28d",
        "retrain": retrain,
    }
    name = "m" + "".join(char for char in str(sorted(case.values(), key=str)) if char.isalnum())
    parts = spec_of(files(case["rows_a_day"]), monitor, case["label_delay"])
    model = make_model(name.lower(), FEATURES, **parts)
    trained = run_stages(model, as_of=str(TRAINED.date()))
    make_champion(environment, model, trained["version"]["version"])
    moments = moments_of(case["window"])
    monitored(model, moments)
    real = decisions(open_ledger(environment, model).entries())
    replay = replayed(environment, model, moments)
    assert [compared(each) for each in replay] == [compared(each) for each in real]
    assert real
