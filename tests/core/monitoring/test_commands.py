"""Monitoring a model on the command line, and measuring the monitor."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from tests.core.models.shipped import MODELS, SHIPPED
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.handover import RunRequest
from airworthy.job import open_job
from airworthy.monitoring.simulation.monitor_quality import simulate_monitor

from ..stages.conftest import MakeModel, small_spec  # noqa: TID252 - tests are no installed package

MakeMonitoredModel = Callable[..., str]
KINDS = (
    "mean shift", "variance change", "new category", "missing values", "unit change", "label shift", "concept drift",
)  # fmt: skip


def run_command(*arguments: str) -> str:
    """Run a command and return its output."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_monitor_tells_what_it_saw_and_what_follows(monitored_model: MakeMonitoredModel) -> None:
    """Two days of a changed world: no training yet, then the next command to run; asked again it
    says the same.
    """
    model = monitored_model(drift_from="2026-03-20")
    first = run_command("monitor", model, "--as-of", "2026-03-21")
    assert "FIRED  skew   distance_km" in first
    assert "decision: watching: performance and drift: not yet in 2 of 3 windows" in first
    second = run_command("monitor", model, "--as-of", "2026-03-22T03:00")
    assert "windows before, and what fired: 2026-03-21 00:00 skew drift label loss" in second
    assert second.rstrip().endswith(f"next: airworthy run {model} --as-of 2026-03-22")
    again = run_command("monitor", model, "--as-of", "2026-03-22T04:00", "--no-ingest")
    assert again.splitlines()[:-2] == second.splitlines()[:-2]
    told = run_command("monitor", model, "--as-of", "2026-03-22T05:00", "--no-ingest", "--json")
    assert json.loads(told)["trigger"] is True


def test_a_small_trial_of_the_monitor(make_model: MakeModel) -> None:
    """No false alarm in 16 windows; every kind of change triggers within three; ignored ones stay
    quiet.
    """
    ingest = {
        **small_spec("m")["ingest"],
        "source": {"type": "simulator", "rows_per_day": 1000, "seed": 3},
    }
    monitor = {
        "min_rows": 100,
        "retrain": {"min_labels": 100, "cooldown": "1d"},
        "reference": "28d",
    }
    train = {
        "lookback": "28d",
        "holdout": "3d",
        "rounds": 60,
        "parameters": {"max_depth": 4, "nthread": 1},
    }
    model = make_model(ingest=ingest, monitor=monitor, train=train)
    table = run_command("monitor-quality", model, "--champions", "2", "--windows", "8")
    assert "16 windows without a change, 2 champions" in table
    assert "windows in which a training was triggered: 0 (0.00%)" in table
    for kind in KINDS:
        assert re.search(rf"^{kind} +2 +100% +100% ", table, re.MULTILINE), table


def test_a_trial_needs_enough_days(make_model: MakeModel, tmp_path: Path) -> None:
    """Real data too short for the requested windows are an error with the number of days."""
    rows = "at,km,city,minutes\n2026-03-01 10:00,1.0,a,5.0\n"
    (tmp_path / "rows.csv").write_text(rows, encoding="utf-8")
    source = {"type": "files", "format": "csv", "path": str(tmp_path / "rows.csv")}
    columns = {"km": "float", "city": "category", "minutes": "float"}
    ingest = {
        "source": source,
        "event_time": "at",
        "key": ["km"],
        "label": "minutes",
        "columns": columns,
    }
    model = make_model(
        ingest=ingest, start=date(2026, 3, 1), end=date(2026, 3, 20), evaluate={"gates": GATES}
    )
    run = RunRequest(
        model=model, as_of=datetime(2026, 4, 1, tzinfo=UTC), reason="manual", run_id="short"
    )
    with pytest.raises(TerminalError, match="too few days") as refused:
        simulate_monitor(open_job(run), 1, 10, lambda *_: None)
    assert "20 days" in str(refused.value)


GATES = [{"metric": "rmse", "max": 100}]


def test_shipped_models_say_how_they_are_watched() -> None:
    """Every shipped model declares its monitor, readable beside everything else."""
    for model in SHIPPED:
        path = MODELS / model / "model.yaml"
        assert "monitor" in yaml.safe_load(path.read_text(encoding="utf-8")), path
