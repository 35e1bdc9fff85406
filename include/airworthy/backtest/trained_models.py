"""The challengers of a backtest. What several strategies train or evaluate is done once."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from airworthy.errors import TerminalError
from airworthy.evaluation.evaluate_challenger import EvaluatedGates
from airworthy.replay import Replay, ReplayedModel

_Value = TypeVar("_Value")


class TrainedModels:
    """A replay that remembers. A challenger depends on its day alone, not on the champion."""

    def __init__(self, replay: Replay) -> None:
        """Start with nothing trained."""
        self._replay = replay
        self._models: dict[datetime, ReplayedModel | TerminalError] = {}
        self._gates: dict[tuple[str, str | None], EvaluatedGates | TerminalError] = {}

    @property
    def trainings(self) -> int:
        """The number of trainings that were really run."""
        return len(self._models)

    def train_challenger(self, as_of: datetime) -> ReplayedModel:
        """Return the challenger as of a day; see `Replay.train_challenger`.

        Raises:
            TerminalError: when there are too few rows to learn from.
        """
        if as_of not in self._models:
            try:
                self._models[as_of] = self._replay.train_challenger(as_of)
            except TerminalError as error:
                self._models[as_of] = error
        return _value(self._models[as_of])

    def evaluate(self, challenger: ReplayedModel, champion: ReplayedModel | None) -> EvaluatedGates:
        """Return the gates of a challenger against a champion; see `Replay.evaluate`.

        Raises:
            TerminalError: when the holdout has no labelled row.
        """
        key = (challenger.key, None if champion is None else champion.key)
        if key not in self._gates:
            try:
                self._gates[key] = self._replay.evaluate(challenger, champion)
            except TerminalError as error:
                self._gates[key] = error
        return _value(self._gates[key])


def _value(stored: _Value | TerminalError) -> _Value:
    if isinstance(stored, TerminalError):
        raise stored
    return stored
