"""Backtests of simulated models: retraining helps where the world changes, and stays away where it
does not.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airworthy.backtest.backtest_results import Backtest
from airworthy.backtest.backtest_table import backtest_table
from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.registry.registry import open_registry

from ..monitoring.conftest import MONITOR  # noqa: TID252 - tests are no installed package
from ..stages.conftest import COLUMNS, MakeModel, make_model  # noqa: TID252

__all__ = ["make_model"]


def make(make_model: MakeModel, **source: Any) -> str:
    """Build a small model; its challengers have to be surely better than the champion."""
    ingest = {
        "source": {"type": "simulator", "rows_per_day": 300, "seed": 5, **source},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "minutes",
        "columns": dict(COLUMNS),
    }
    # Trained at the first sign, a challenger would know too little of the changed world.
    monitor = {**MONITOR, "retrain": {"min_labels": 100, "persist": "5 of 5", "cooldown": "1d"}}
    train = {"lookback": "15d", "holdout": "2d", "rounds": 40, "parameters": {"max_depth": 4}}
    gates = {"gates": [{"metric": "rmse", "against": "champion", "margin": 0.0}], "resamples": 100}
    return make_model(ingest=ingest, train=train, evaluate=gates, monitor=monitor)


def replayed(*arguments: str) -> tuple[Backtest, str]:
    """Run the command; returns the backtest, and the output."""
    result = CliRunner().invoke(app, ["backtest", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    folder = Path(re.findall("^evidence: (.+)$", result.stdout, re.MULTILINE)[0])
    assert (folder / "backtest.md").read_text(encoding="utf-8").rstrip() in result.stdout
    return Backtest.model_validate_json(
        (folder / "backtest.json").read_text(encoding="utf-8")
    ), result.stdout


def test_a_changed_world_is_caught_up_with(environment: Environment, make_model: MakeModel) -> None:
    """The champion without retraining gets worse; the monitor notices, the gates let a better one
    pass.
    """
    model = make(make_model, drift_from="2026-03-23", drift_strength=3.0)
    table, stderr = replayed(model, "--from", "2026-03-20", "--to", "2026-04-01", "--step", "3d")
    before, *_, after, last = table.periods
    assert (before.name, before.windows, before.fired, last.end.day) == ("2026-03-20", 3, 0, 2)
    assert before.rows == pytest.approx(900, rel=0.01)
    assert before.metrics.keys() == {"never", "triggered", "scheduled", "baseline"}
    assert after.metrics["never"] > 3 * before.metrics["never"]
    assert after.metrics["triggered"] < 0.9 * after.metrics["never"]
    assert last.metrics["triggered"] < 0.9 * last.metrics["never"]
    training = table.trainings("triggered")[0]
    assert (f"{training.as_of:%Y-%m-%d}", training.outcome, training.reasons) == (
        "2026-03-28",
        "champion",
        [],
    )
    assert training.why.startswith("performance: rmse ")
    assert [each.as_of.day for each in table.trainings("scheduled")] == [23, 26, 29, 1]
    assert table.trainings("never") == []
    assert table.rows == sum(period.rows for period in table.periods)
    assert "new champion" in stderr
    assert open_registry(environment).models() == []


def test_a_world_that_stays_is_left_alone(make_model: MakeModel) -> None:
    """Without a change nothing is triggered, and the two arms have the same figures, down to the
    last digit.
    """
    table, stderr = replayed(
        make(make_model), "--from", "2026-03-20", "--to", "2026-03-23", "--step", "2d"
    )
    assert table.trainings("triggered") == []
    assert [training.outcome for training in table.trainings("scheduled")] == ["rejected"]
    for period in table.periods:
        assert period.metrics["never"] == period.metrics["triggered"] == period.metrics["scheduled"]
        assert period.metrics["baseline"] > period.metrics["never"]
    assert json.loads(table.model_dump_json())["metrics"]["never"] == pytest.approx(
        table.metrics["triggered"]
    )
    last = stderr.strip().splitlines()
    assert [line.split("|")[1].strip() for line in last if line.startswith("| **")] == [
        "**all rows**",
        "**mean of the steps**",
        "**trainings**",
    ]
    assert backtest_table(table) in stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--from", "2024-12-01", "--to", "2025-03-01"), "these are no days to replay"),
        (("--from", "2026-03-20", "--to", "2026-03-01"), "these are no days to replay"),
        (("--from", "2026-03-20", "--to", "2999-03-01"), "these are no days to replay"),
        (("--from", "March"), "this is not a day"),
        (("--from", "2026-03-20", "--to", "9999-12-31"), "this is not a day"),
        (("--from", "2026-03-20", "--to", "2026-03-22", "--step", "1h"), "this is no step"),
        (("--from", "2025-01-03", "--to", "2025-01-05"), "too few days are left to learn from"),
    ],
)
def test_what_cannot_be_walked_is_said(
    make_model: MakeModel, arguments: tuple[str, ...], problem: str
) -> None:
    """Days outside the model's data, and impossible steps, end in an error with the allowed values."""
    result = CliRunner().invoke(app, ["backtest", make(make_model), *arguments])
    assert result.exit_code == 1
    assert problem in str(result.exception)
    assert {"allowed:", "next:"} <= set(str(result.exception).split())
