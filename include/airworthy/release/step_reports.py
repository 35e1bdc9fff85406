"""The model servers' reports about one rollout step. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airworthy.release.await_replicas import silent_words
from airworthy.release.client_arms import ClientArms, open_words, told_apart
from airworthy.release.guard import Arm
from airworthy.traffic import Rollout
from airworthy.traffic.replica_report import ModelReport, RolloutReport
from airworthy.traffic.replica_reports import Replica


@dataclass(frozen=True)
class StepReports:
    """The reports of all servers, live or not, about a step of a model's rollout.

    Attributes:
        replicas: The servers by their last reports.
        model: The model.
        rollout: The step.
        now: The time of the look, UTC.
    """

    replicas: Sequence[Replica]
    model: str
    rollout: Rollout
    now: datetime

    @property
    def live(self) -> list[Replica]:
        """The servers that count."""
        return [replica for replica in self.replicas if replica.is_live(self.now)]

    @property
    def arms(self) -> tuple[Arm, Arm]:
        """Champion and challenger over all servers, also of those that have died since."""
        champion, challenger = self.client_arms
        return champion.arm(), challenger.arm()

    @property
    def client_arms(self) -> tuple[ClientArms, ClientArms]:
        """The same, by client."""
        reports = [step for replica in self.replicas if (step := self._step(replica))]
        return (
            ClientArms(self.rollout.champion, [step.champion for step in reports]),
            ClientArms(self.rollout.challenger, [step.challenger for step in reports]),
        )

    @property
    def told_apart(self) -> bool:
        """Whether several clients are known, or have asked."""
        names = [name for arm in self.client_arms for name in arm.names]
        return told_apart([replica.report.clients for replica in self.live], names)

    @property
    def open_to_all(self) -> list[str]:
        """One line, when a live server beyond loopback asks no client for a token."""
        return open_words([replica.report.clients for replica in self.live])

    @property
    def kill_switch(self) -> bool:
        """Whether a person turned the kill switch on, by any live server."""
        return any(report.kill_switch for _, report in self._live_reports())

    @property
    def overrides(self) -> dict[tuple[str, str], list[str]]:
        """The live servers that follow a person's flag, by the flag's key and JSON text."""
        found: dict[tuple[str, str], list[str]] = {}
        for replica in self.live:
            step = self._step(replica)
            for flag in (step.overrides if step else {}).items():
                found.setdefault(flag, []).append(replica.name)
        return found

    @property
    def refusals(self) -> list[str]:
        """One line for each live server that cannot load the challenger."""
        version = self.rollout.challenger
        return [
            f"version {version} cannot be loaded by the model server {replica.name}: "
            f"{report.failed[version]}"
            for replica, report in self._live_reports()
            if report.seen >= self.rollout.entry and version in report.failed
        ]

    @property
    def lagging(self) -> list[str]:
        """One line for each live server that does not serve the step yet."""
        return [
            f"the model server {replica.name} does not follow entry {self.rollout.entry} of the "
            "ledger yet"
            for replica in self.live
            if not self._serves(replica)
        ]

    @property
    def silent(self) -> list[str]:
        """One line for each server of this step that is silent."""
        return [
            silent_words(replica)
            for replica in self.replicas
            if replica.is_silent(self.now) and self._step(replica)
        ]

    def covers(self, until: datetime) -> bool:
        """Tell whether every live server has reported since a time, UTC."""
        return all(replica.written >= until for replica in self.live)

    def _serves(self, replica: Replica) -> bool:
        step = self._step(replica)
        return step is not None and step.serves

    def _step(self, replica: Replica) -> RolloutReport | None:
        """Return a server's report of exactly this step, or None."""
        report = replica.report.models.get(self.model)
        if report is None or report.rollout is None:
            return None
        return report.rollout if report.rollout.entry == self.rollout.entry else None

    def _live_reports(self) -> list[tuple[Replica, ModelReport]]:
        return [
            (replica, replica.report.models[self.model])
            for replica in self.live
            if self.model in replica.report.models
        ]
