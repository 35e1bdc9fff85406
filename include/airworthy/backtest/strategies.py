"""The compared strategies of retraining, and the champions and trainings of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from pydantic import AwareDatetime, Field

from airworthy.errors import TerminalError
from airworthy.evaluation.evaluate_challenger import EvaluatedGates
from airworthy.handover import StageOutput
from airworthy.replay import ReplayedModel

StrategyName = Literal["never", "triggered", "scheduled"]


class Models(Protocol):
    """Trains and evaluates challengers; see `TrainedModels`."""

    def train_challenger(self, as_of: datetime) -> ReplayedModel:
        """Return the challenger as of a UTC midnight."""
        ...

    def evaluate(self, challenger: ReplayedModel, champion: ReplayedModel | None) -> EvaluatedGates:
        """Return the gates of a challenger against a champion."""
        ...


class Training(StageOutput):
    """One training: its `as_of`, cause and outcome; `reasons` has the gates that did not pass.

    `champion_failing` has the gates that the champion itself failed.
    """

    as_of: AwareDatetime
    why: str
    outcome: Literal["champion", "rejected", "failed"]
    reasons: list[str]
    champion_failing: list[str] = Field(default_factory=list)


class Reign(NamedTuple):
    """A champion from a moment on, UTC."""

    since: datetime
    model: ReplayedModel


class StrategyRun:
    """A strategy's champions by time. A challenger takes over when the gates pass.

    Attributes:
        challengers: The first champion, and all challengers by time, rejected or not.
        trainings: The trainings after the first champion's.
    """

    def __init__(
        self, models: Models, first: ReplayedModel, release_time: timedelta = timedelta(0)
    ) -> None:
        """Start with the champion that all strategies share.

        Args:
            models: Trains and evaluates the challengers.
            first: The first champion.
            release_time: The time from a decision to the end of the challenger's rollout.
        """
        self._models, self._release_time = models, release_time
        self._reigns = [Reign(first.as_of, first)]
        self.challengers = [first]
        self.trainings: list[Training] = []

    @property
    def champion(self) -> ReplayedModel:
        """The newest champion."""
        return self._reigns[-1].model

    @property
    def champion_changes(self) -> list[datetime]:
        """The moments at which another champion took over."""
        return [reign.since for reign in self._reigns[1:]]

    def champion_at(self, moment: datetime) -> ReplayedModel:
        """Return the champion at a moment."""
        begun = [reign for reign in self._reigns[1:] if reign.since <= moment]
        return (begun or self._reigns[:1])[-1].model

    def challenger_at(self, moment: datetime) -> ReplayedModel:
        """Return the newest challenger trained by a moment, rejected or not."""
        return _newest(self.challengers, moment)

    def train(self, as_of: datetime, why: str, moment: datetime | None = None) -> Training:
        """Train a challenger. It takes over after its release if it passes the gates.

        Args:
            as_of: The exclusive end of its data, a UTC midnight.
            why: The cause.
            moment: The time of the decision, UTC; None: `as_of`.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        moment = moment or as_of
        try:
            challenger = self._models.train_challenger(as_of)
            result = self._models.evaluate(challenger, self.champion_at(moment))
        except TerminalError as error:
            training = Training(as_of=as_of, why=why, outcome="failed", reasons=[error.problem])
        else:
            training = _training(as_of, why, result)
            self.challengers.append(challenger)
            if result.releasable:
                self._reigns.append(Reign(moment + self._release_time, challenger))
        self.trainings.append(training)
        return training


def _training(as_of: datetime, why: str, result: EvaluatedGates) -> Training:
    failed = [gate for gate in result.gates if gate.outcome not in ("pass", "waived")]
    return Training(
        as_of=as_of,
        why=why,
        outcome="champion" if result.releasable else "rejected",
        reasons=[f"{gate.gate}: {gate.outcome}" for gate in failed],
        champion_failing=result.champion_failing,
    )


def _newest(models: Sequence[ReplayedModel], moment: datetime) -> ReplayedModel:
    return [model for index, model in enumerate(models) if index == 0 or model.as_of <= moment][-1]
