"""The ways of keeping a model up to date that are held side by side: which model answered when, and every training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from airworthy.errors import TerminalError
from airworthy.handover import Ref
from airworthy.replay import Past, ReplayedModel

Arm = Literal["never", "triggered", "scheduled"]


class Training(Ref):
    """One training: as of when, why, and what became of it; `reasons` has what stood in its way."""

    as_of: AwareDatetime
    why: str
    outcome: Literal["champion", "rejected", "failed"]
    reasons: list[str]


class Service:
    """One arm's champions by time. A challenger takes over on its day when the gates let it pass."""

    def __init__(self, past: Past, first: ReplayedModel) -> None:
        """Begin with a champion that every arm has."""
        self._past = past
        self._champions = [first]
        self._made = [first]
        self.trainings: list[Training] = []

    @property
    def champion(self) -> ReplayedModel:
        """The present champion."""
        return self._champions[-1]

    @property
    def refused(self) -> int:
        """How many of the newest challengers were rejected, one after the other."""
        outcomes = [training.outcome for training in self.trainings if training.outcome != "failed"]
        return next(
            (place for place, each in enumerate(reversed(outcomes)) if each == "champion"),
            len(outcomes),
        )

    @property
    def changes(self) -> list[datetime]:
        """When another champion took over."""
        return [champion.as_of for champion in self._champions[1:]]

    def at(self, moment: datetime) -> ReplayedModel:
        """Return the champion at a moment."""
        return _newest(self._champions, moment)

    def made_by(self, moment: datetime) -> ReplayedModel:
        """Return the newest challenger that was trained by a moment, whatever the gates said of it."""
        return _newest(self._made, moment)

    def train(self, as_of: datetime, why: str) -> Training:
        """Train a challenger, put it to the gates against the champion, and let it take over if it passes.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        try:
            challenger = self._past.challenger(as_of)
            judged = self._past.judge(challenger, self.champion)
        except TerminalError as error:
            training = Training(as_of=as_of, why=why, outcome="failed", reasons=[error.problem])
        else:
            reasons = [
                f"{gate.gate}: {gate.outcome}" for gate in judged.gates if gate.outcome != "pass"
            ]
            outcome: Literal["champion", "rejected"] = (
                "champion" if judged.releasable else "rejected"
            )
            training = Training(as_of=as_of, why=why, outcome=outcome, reasons=reasons)
            self._made.append(challenger)
            if judged.releasable:
                self._champions.append(challenger)
        self.trainings.append(training)
        return training


def _newest(models: Sequence[ReplayedModel], moment: datetime) -> ReplayedModel:
    return [model for place, model in enumerate(models) if place == 0 or model.as_of <= moment][-1]
