"""The compared strategies of retraining, and the champions and trainings of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Literal

from pydantic import AwareDatetime

from airworthy.errors import TerminalError
from airworthy.handover import StageOutput
from airworthy.replay import Replay, ReplayedModel

StrategyName = Literal["never", "triggered", "scheduled"]


class Training(StageOutput):
    """One training: its `as_of`, cause and outcome; `reasons` has the gates that did not pass."""

    as_of: AwareDatetime
    why: str
    outcome: Literal["champion", "rejected", "failed"]
    reasons: list[str]


class StrategyRun:
    """A strategy's champions by time. A challenger takes over on its day if the gates pass."""

    def __init__(self, replay: Replay, first: ReplayedModel) -> None:
        """Start with the champion that all strategies share."""
        self._replay = replay
        self._champions = [first]
        self._challengers = [first]
        self.trainings: list[Training] = []

    @property
    def champion(self) -> ReplayedModel:
        """The newest champion."""
        return self._champions[-1]

    @property
    def rejected_in_a_row(self) -> int:
        """The number of newest challengers rejected in a row, without failed trainings."""
        outcomes = [training.outcome for training in self.trainings if training.outcome != "failed"]
        return len(list(takewhile(lambda outcome: outcome == "rejected", reversed(outcomes))))

    @property
    def champion_changes(self) -> list[datetime]:
        """The moments at which another champion took over."""
        return [champion.as_of for champion in self._champions[1:]]

    def champion_at(self, moment: datetime) -> ReplayedModel:
        """Return the champion at a moment."""
        return _newest(self._champions, moment)

    def challenger_at(self, moment: datetime) -> ReplayedModel:
        """Return the newest challenger trained by a moment, rejected or not."""
        return _newest(self._challengers, moment)

    def train(self, as_of: datetime, why: str) -> Training:
        """Train a challenger, and make it the champion if it passes the gates.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        try:
            challenger = self._replay.train_challenger(as_of)
            result = self._replay.evaluate(challenger, self.champion)
        except TerminalError as error:
            training = Training(as_of=as_of, why=why, outcome="failed", reasons=[error.problem])
        else:
            reasons = [
                f"{gate.gate}: {gate.outcome}"
                for gate in result.gates
                if gate.outcome not in ("pass", "waived")
            ]
            outcome: Literal["champion", "rejected"] = (
                "champion" if result.releasable else "rejected"
            )
            training = Training(as_of=as_of, why=why, outcome=outcome, reasons=reasons)
            self._challengers.append(challenger)
            if result.releasable:
                self._champions.append(challenger)
        self.trainings.append(training)
        return training


def _newest(models: Sequence[ReplayedModel], moment: datetime) -> ReplayedModel:
    return [model for index, model in enumerate(models) if index == 0 or model.as_of <= moment][-1]
