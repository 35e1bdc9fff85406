"""A model folder with a spec of a few arguments, and the ingestion of its window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.handover import RunRequest, Window
from airworthy.job import Job
from airworthy.lake.ingestion import Ingestion
from airworthy.lake.lake import open_lake
from airworthy.spec.loading import load_spec

MODEL = "trips"
COLUMNS = {"id": "int", "city": "category", "minutes": "float"}
GATES = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}


@dataclass(frozen=True)
class Ingested:
    """The outcome of one ingestion.

    Attributes:
        rows: The lake's rows of the window, by partition, then by key.
        quarantine: The lake's quarantine: reason, row (JSON), read_at, partition.
        error: The error, or None.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    error: AirworthyError | None

    @property
    def message(self) -> str:
        """The text of the error; empty without an error."""
        return "" if self.error is None else str(self.error)


def model_folder(root: Path) -> Path:
    """Create and return the folder of the model, in which its files lie."""
    folder = root / "models" / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_model(
    root: Path,
    *,
    source: dict[str, Any],
    columns: dict[str, str] | None = None,
    ingest: dict[str, Any] | None = None,
    as_of: date = date(2026, 1, 4),
    **spec: Any,
) -> Job:
    """Write the model's spec, and return its job with its own state and lake below `root`.

    Args:
        root: The test's own folder; it is the project.
        source: Keys of ``ingest.source``; type and format are ``files`` and ``csv`` unless given.
        columns: ``ingest.columns``; the last one is the label.
        ingest: Further keys of ``ingest``. The event time is `at`. The key is `id`, if declared.
        as_of: The day of the run.
        spec: Further keys of the spec, such as ``task``; they replace the keys set here.

    Raises:
        SpecError: when the spec has faults.
    """
    columns = columns or COLUMNS
    content: dict[str, Any] = {
        "model": MODEL,
        "task": "regression",
        "owner": "tests",
        "start": "2026-01-01",
        "ingest": {
            "source": {"type": "files", "format": "csv"} | source,
            "event_time": "at",
            "key": ["id"] if "id" in columns else [],
            "label": list(columns)[-1],
            "columns": columns,
        }
        | (ingest or {}),
        "train": {"lookback": "3d", "holdout": "1d"},
        "evaluate": {"gates": [{"metric": GATES[str(spec.get("task", "regression"))], "max": 10}]},
    }
    path = model_folder(root) / "model.yaml"
    path.write_text(yaml.safe_dump(content | spec, sort_keys=False))
    run = RunRequest(
        model=MODEL,
        as_of=datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC),
        reason="manual",
        run_id="test",
    )
    return Job(load_spec(path), environment_below(root), run)


def environment_below(root: Path) -> Environment:
    """Return an environment with its paths below a folder."""
    return Environment(
        name="test",
        project=root,
        models=root / "models",
        state=root / "state",
        lake=str(root / "lake"),
        tracking_uri=f"sqlite:///{root}/mlflow.db",
        artifacts=str(root / "artifacts"),
        server_url="http://127.0.0.1:1",
        downloads=root / "downloads",
    )


def ingest_window(job: Job, days: int = 3) -> Ingested:
    """Ingest the days before a job's `as_of`; an error of Airworthy is part of the outcome.

    Args:
        job: The job.
        days: The length of the window.
    """
    end = job.run.as_of
    window = Window(start=end - timedelta(days=days), end=end)
    lake, error = open_lake(job.environment, job.spec.model), None
    rows = pl.DataFrame()
    try:
        dataset = Ingestion(job, lake).ingest_window(window)
        rows = lake.scan(dataset).collect()
    except AirworthyError as caught:
        error = caught
    return Ingested(rows, lake.quarantine(), error)
