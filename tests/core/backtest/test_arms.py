"""What an arm remembers of its trainings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from airworthy.backtest.strategies import Service, Training
from airworthy.errors import TerminalError

START = datetime(2026, 3, 1, tzinfo=UTC)
Outcome = Literal["champion", "rejected", "failed"]


def model(day: int) -> Any:
    """A challenger as of a day after the start; nothing else of it is looked at."""
    return SimpleNamespace(as_of=START + timedelta(days=day))


class Trainer:
    """A past whose challengers are told what the gates will say of them."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = iter(outcomes)
        self._next: Outcome = "failed"

    def challenger(self, as_of: datetime) -> Any:
        """Make the next one."""
        self._next = next(self._outcomes)
        if self._next == "failed":
            raise TerminalError("there are too few labelled rows to learn from")
        return SimpleNamespace(as_of=as_of)

    def judge(self, challenger: Any, champion: Any) -> Any:
        """Say what was told."""
        gate = SimpleNamespace(gate="rmse", outcome="pass" if self._next == "champion" else "fail")
        return SimpleNamespace(gates=[gate], releasable=self._next == "champion")


def trained(*outcomes: Outcome) -> Service:
    service = Service(Trainer(*outcomes), model(0))  # type: ignore[arg-type]
    for day, _ in enumerate(outcomes, 1):
        service.train(START + timedelta(days=day), "drift")
    return service


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
    """A training that failed is no rejected challenger; a champion ends the row."""
    assert trained(*outcomes).refused == refused


def test_a_champion_answers_from_its_own_day_on() -> None:
    """What was rejected never answers, and is still the newest that was trained; a failure says why."""
    service = trained("rejected", "champion", "failed", "rejected")
    assert [service.at(START + timedelta(days=day)).as_of.day for day in (-1, 0, 1, 2, 4)] == [
        1,
        1,
        1,
        3,
        3,
    ]
    assert [service.made_by(START + timedelta(days=day)).as_of.day for day in (0, 1, 2, 3, 4)] == [
        1,
        2,
        3,
        3,
        5,
    ]
    assert service.changes == [START + timedelta(days=2)]
    assert [training.reasons for training in service.trainings] == [
        ["rmse: fail"],
        [],
        ["there are too few labelled rows to learn from"],
        ["rmse: fail"],
    ]
    assert Training.model_validate(service.trainings[0].model_dump()) == service.trainings[0]
