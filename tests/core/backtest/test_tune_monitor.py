"""Tuning a monitor: never a blind one, shown on held-out days, and a diff that keeps the spec."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from airworthy.backtest.monitor_settings import (
    MonitorSettings,
    SourceRows,
    first_settings,
    is_blind,
    neighbours,
)
from airworthy.backtest.tuning_results import Tuning
from airworthy.cli.main import app
from airworthy.spec import load_spec

from ..monitoring.conftest import MONITOR  # noqa: TID252 - tests are no installed package
from ..stages.conftest import COLUMNS, LET_THROUGH, MakeModel, make_model  # noqa: TID252

__all__ = ["make_model"]


def make(make_model: MakeModel, **monitor: Any) -> str:
    """Build a small model whose world changes at the end of March."""
    ingest = {
        "source": {
            "type": "simulator",
            "rows_per_day": 60,
            "seed": 5,
            "drift_from": "2026-03-20",
            "drift_strength": 3.0,
        },
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "minutes",
        "columns": dict(COLUMNS),
    }
    train = {
        "lookback": "15d",
        "holdout": "2d",
        "min_rows": 100,
        "rounds": 8,
        "parameters": {"max_depth": 3, "nthread": 1},
    }
    return make_model(
        ingest=ingest,
        train=train,
        evaluate=LET_THROUGH,
        monitor={**MONITOR, "schedule": None, **monitor},
    )


def test_a_blind_monitor_is_tuned_to_one_that_sees(make_model: MakeModel, tmp_path: Path) -> None:
    """60 rows a day never reach 100: the proposal does, is held against never and schedules, and is
    written beside the comments.
    """
    model = make(make_model)
    path = tmp_path / "models" / model / "model.yaml"
    text = path.read_text(encoding="utf-8").replace("task:", "# a comment\ntask:")
    path.write_text(text, encoding="utf-8")
    arguments = ("tune-monitor", model, "--from", "2026-03-05", "--to", "2026-04-16", "--write")
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (folder,) = re.findall("^evidence: (.+)$", result.stdout, re.MULTILINE)
    tuning = Tuning.model_validate_json((Path(folder) / "tuning.json").read_text(encoding="utf-8"))
    arms = {arm.name: arm for arm in tuning.arms}
    assert tuning.present_blind
    assert arms["present"].judged == 0
    assert arms["present"].trainings == 0
    assert arms["proposed"].judged > 30
    assert arms["proposed"].tuned["rmse"] < arms["never"].tuned["rmse"]
    assert {"every 7d", "every 14d"} <= arms.keys()
    assert arms["proposed"].held_out.keys() == {"rmse", "mae", "r2"}
    assert "blind on 60 rows a day" in result.stdout
    assert "+  min_rows: " in result.stdout
    written = path.read_text(encoding="utf-8")
    assert "# a comment" in written
    assert yaml.safe_load(written)["monitor"]["min_rows"] < 60


@pytest.mark.parametrize("rows", [3, 12, 48, 400, 5000])
def test_no_candidate_is_blind(make_model: MakeModel, tmp_path: Path, rows: int) -> None:
    """Whatever the rows a day: the search begins with and tries only what can be judged."""
    spec = load_spec(tmp_path / "models" / make(make_model) / "model.yaml")
    train = spec.train.model_copy(
        update={"lookback": timedelta(days=150), "holdout": timedelta(days=60)}
    )
    spec = spec.model_copy(update={"train": train})
    source = SourceRows((rows,) * 60, 0.9)
    first = first_settings(spec, source)
    assert not is_blind(first.apply(spec), source)
    for candidates in neighbours(spec, first, source):
        assert candidates
        assert not any(is_blind(each.apply(spec), source) for each in candidates)
    assert MonitorSettings.of(replace(first).apply(spec).monitor) == first


def test_too_few_days_are_said(make_model: MakeModel) -> None:
    """A month has no part to hold out."""
    arguments = ["tune-monitor", make(make_model), "--from", "2026-03-05", "--to", "2026-04-01"]
    result = CliRunner().invoke(app, arguments)
    assert "too few to tune a monitor on" in str(result.exception)
