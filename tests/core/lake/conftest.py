"""A model with a folder of daily CSV files as source, in an environment below the test's own
folder.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airworthy.environment import Environment
from airworthy.handover import RunRequest
from airworthy.job import Job
from airworthy.spec import ModelSpec

MakeJob = Callable[..., Job]


def environment_below(root: Path, **replaced: Any) -> Environment:
    """Return the local environment with its paths below a folder."""
    values: dict[str, Any] = {
        "name": "test",
        "project": root,
        "models": root / "models",
        "state": root / "state",
        "lake": str(root / "lake"),
        "tracking_uri": f"sqlite:///{root}/mlflow.db",
        "artifacts": str(root / "artifacts"),
        "server_url": "http://127.0.0.1:1",
        "downloads": root / "downloads",
    }
    return Environment(**(values | replaced))


def trips_spec(source: dict[str, Any], **ingest: Any) -> ModelSpec:
    """Return a spec with this source."""
    declared: dict[str, Any] = {
        "source": source,
        "event_time": "at",
        "key": ["id"],
        "label": "minutes",
        "max_bad_share": 0.5,
        "columns": {"id": "int", "city": "category", "minutes": "float"},
    }
    return ModelSpec.model_validate(
        {
            "model": "trips",
            "task": "regression",
            "owner": "tests",
            "start": "2026-01-01",
            "ingest": declared | ingest,
            "train": {"lookback": "3d", "holdout": "1d"},
            "evaluate": {"gates": [{"metric": "rmse", "max": 10}]},
        }
    )


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Return a maker of jobs: source (daily CSV files unless given), as_of, and further keys of
    `ingest`.
    """

    def make(
        as_of: date = date(2026, 1, 4), source: dict[str, Any] | None = None, **ingest: Any
    ) -> Job:
        (tmp_path / "models/trips").mkdir(parents=True, exist_ok=True)
        source = source or {"type": "files", "format": "csv", "path": "in/{yyyy}-{mm}-{dd}.csv"}
        moment = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
        run = RunRequest(model="trips", as_of=moment, reason="manual", run_id="test")
        return Job(trips_spec(source, **ingest), environment_below(tmp_path), run)

    return make


@pytest.fixture
def put_day(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of one day's CSV: hour, id, city, minutes for each row."""

    def put(
        day: int, rows: int = 20, minutes: float = 10.0, extra: list[str] | None = None
    ) -> Path:
        path = tmp_path / f"models/trips/in/2026-01-{day:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"2026-01-{day:02}T{n % 24:02}:00:00Z,{day * 1000 + n},rome,{minutes + n}"
            for n in range(rows)
        ]
        path.write_text("\n".join(["at,id,city,minutes", *lines, *(extra or [])]) + "\n")
        return path

    return put


@pytest.fixture
def raw_trips() -> pl.DataFrame:
    """Four good raw rows of 2026-01-01, as text."""
    return pl.DataFrame(
        {
            "at": [f"2026-01-01 0{n}:00:00" for n in range(4)],
            "id": ["3", "1", "2", "4"],
            "city": ["rome", "oslo", None, "rome"],
            "minutes": ["1.5", "2", "3.25", None],
            "note": ["not", "declared", "at", "all"],
        }
    )
