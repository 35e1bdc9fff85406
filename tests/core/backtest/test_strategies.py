"""A strategy's run keeps its champions and its trainings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from airworthy.backtest.strategies import StrategyRun, Training
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
        return SimpleNamespace(gates=[gate], releasable=self._next == "champion")


def trained(*outcomes: Outcome) -> StrategyRun:
    """Return a strategy's run after these trainings."""
    run = StrategyRun(Trainer(*outcomes), model(0))  # type: ignore[arg-type]
    for day, _ in enumerate(outcomes, 1):
        run.train(START + timedelta(days=day), "drift")
    return run


@pytest.mark.parametrize(
    ("outcomes", "refused"),
    [
        ((), 0),
        (("rejected", "rejected"), 2),
        (("rejected", "champion"), 0),
        (("champion", "rejected", "failed", "rejected"), 2),
        (("champion", "failed"), 0),
    ],
)
def test_only_what_the_gates_rejected_opens_the_breaker(
    outcomes: tuple[Outcome, ...], refused: int
) -> None:
    """A failed training is no rejected challenger; a champion ends the row."""
    assert trained(*outcomes).rejected_in_a_row == refused


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
