"""Retraining pays with the defaults: the spec is what ``airworthy new-model`` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...scripts import load_script  # noqa: TID252 - tests are no installed package

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "retraining_worlds.py"


WORLDS = load_script(SCRIPT, "benchmark_of_retraining")


@pytest.mark.parametrize(("world", "days", "changes"), [("abrupt", 90, True), ("stays", 60, False)])
def test_triggered_trainings_are_worth_as_many_by_the_calendar(
    world: str, days: int, changes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 60 rows a day: within 10 % of a weekly schedule at fewer trainings, and never worse than
    never. A world that stays has none.
    """
    for variable in ("AIRWORTHY_MODELS", "AIRWORTHY_STATE"):
        monkeypatch.setenv(variable, "")
    with WORLDS.model_of(WORLDS.World(world, "regression", 60), days) as model:
        backtest = WORLDS.replayed(model, "7d", days)
    metrics, triggered = backtest.metrics, backtest.trainings("triggered")
    assert metrics["triggered"] <= 1.1 * metrics["scheduled"]
    assert metrics["triggered"] <= metrics["never"]
    assert len(triggered) < len(backtest.trainings("scheduled"))
    assert bool(triggered) == changes
    if changes:
        assert metrics["triggered"] < 0.85 * metrics["never"]
        assert any("follows up" in training.why for training in triggered)
