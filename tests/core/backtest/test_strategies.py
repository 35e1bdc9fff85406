"""A strategy's run keeps its champions and its trainings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from airworthy.backtest.strategies import StrategyRun, Training
from airworthy.backtest.trained_models import TrainedModels
from airworthy.errors import TerminalError

START = datetime(2026, 3, 1, tzinfo=UTC)
Outcome = Literal["champion", "rejected", "failed"]


def model(day: int) -> Any:
    """A challenger as of a day after the start; nothing else of it is read."""
    return SimpleNamespace(as_of=START + timedelta(days=day))


class Trainer:
    """A replay with given outcomes of its challengers' gates."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = iter(outcomes)
        self._next: Outcome = "failed"

    def train_challenger(self, as_of: datetime) -> Any:
        """Train the next one."""
        self._next = next(self._outcomes)
        if self._next == "failed":
            raise TerminalError("there are too few labelled rows to learn from")
        return SimpleNamespace(as_of=as_of)

    def evaluate(self, challenger: Any, champion: Any) -> Any:
        """Return the given outcome."""
        gate = SimpleNamespace(gate="rmse", outcome="pass" if self._next == "champion" else "fail")
        passes = self._next == "champion"
        return SimpleNamespace(gates=[gate], releasable=passes, champion_failing=[])


def trained(*outcomes: Outcome) -> StrategyRun:
    """Return a strategy's run after these trainings."""
    run = StrategyRun(Trainer(*outcomes), model(0))
    for day, _ in enumerate(outcomes, 1):
        run.train(START + timedelta(days=day), "drift")
    return run


def test_a_champion_answers_from_its_own_day_on() -> None:
    """A rejected version never answers, and is still the newest trained; a failure has a reason."""
    run = trained("rejected", "champion", "failed", "rejected")
    assert [run.champion_at(START + timedelta(days=day)).as_of.day for day in (-1, 0, 1, 2, 4)] == [
        1,
        1,
        1,
        3,
        3,
    ]
    assert [
        run.challenger_at(START + timedelta(days=day)).as_of.day for day in (0, 1, 2, 3, 4)
    ] == [
        1,
        2,
        3,
        3,
        5,
    ]
    assert run.champion_changes == [START + timedelta(days=2)]
    assert [training.reasons for training in run.trainings] == [
        ["rmse: fail"],
        [],
        ["there are too few labelled rows to learn from"],
        ["rmse: fail"],
    ]
    assert Training.model_validate(run.trainings[0].model_dump()) == run.trainings[0]


def test_a_challenger_takes_over_when_it_is_released() -> None:
    """It is trained up to a midnight, decided on at five, and its rollout takes an hour."""
    run = StrategyRun(Trainer("champion"), model(0), timedelta(hours=1))
    run.train(START + timedelta(days=1), "drift", START + timedelta(days=1, hours=5))
    takeover = START + timedelta(days=1, hours=6)
    assert run.champion_changes == [takeover]
    assert run.champion_at(takeover - timedelta(minutes=1)).as_of == START
    assert run.champion_at(takeover).as_of == START + timedelta(days=1)


def test_what_two_strategies_train_is_trained_once() -> None:
    """A challenger depends on its day alone; a failure is remembered as well."""
    models = TrainedModels(Trainer("rejected", "failed"))  # type: ignore[arg-type]
    first, second = models.train_challenger(START), models.train_challenger(START)
    assert first is second
    for _ in range(2):
        with pytest.raises(TerminalError):
            models.train_challenger(START + timedelta(days=1))
    assert models.trainings == 2
