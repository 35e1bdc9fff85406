"""The second act: the world changes, the monitor notices, and a model of the new world takes over.

A model's simulated days are lived through week by week: its champion is asked about every row, the labels come in, and
on the morning after, the monitor looks. What the answers were worth is read from the prediction log, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console

from airworthy.errors import TerminalError
from airworthy.handover import DriftDecision, RunRequest, ShiftCheck, Window
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.change import MOST_WEEKS, WEEK, find_change, week_from
from airworthy_airflow.demo.follow import follow_run
from airworthy_airflow.demo.replay_traffic import Replayed, replay
from airworthy_airflow.demo.runs import return_value, start_run
from airworthy_airflow.demo.served_quality import Quality, served_quality
from airworthy_airflow.demo.text import say

if TYPE_CHECKING:
    from airworthy.job import Job
    from airworthy.ledger import Entry
    from airworthy.release.server_client import ServerClient


@dataclass(frozen=True)
class Told:
    """How the act went.

    Attributes:
        change: The first day of the other world.
        phases: How good the answers were before, during and after.
        decision: What the monitor decided when it asked for training.
        monitor_run: The DAG run in which it did.
        skew: How that window lay against what the old champion was trained on.
        ignored: The columns that the spec says are not watched.
        entries: The ledger's entries on the decision, and on the training that it asked for.
    """

    change: date
    phases: list[Quality]
    decision: DriftDecision
    monitor_run: str
    skew: ShiftCheck
    ignored: list[str]
    entries: list[Entry]


@dataclass
class SecondAct:
    """One model, on a stack that is up.

    Attributes:
        model: The model's name; its source is simulated, and its world changes.
        airflow: The stack's Airflow.
        server_url: Its model server.
        console: Where it is told.
        weeks: What was asked so far, by phase.
    """

    model: str
    airflow: AirflowApi
    server_url: str
    console: Console
    weeks: dict[str, list[Replayed]] = field(default_factory=dict)

    def play(self) -> Told:
        """Live through the next change of the world that the champion has not seen.

        Raises:
            TerminalError: when a run fails, with the failing task's log; when the monitor asks for no training, the
                new version does not take over, or the world does not change any more.
            TransientError: when a part cannot be reached.
        """
        from airworthy.job import open_job
        from airworthy.release.server_client import ServerClient

        since = datetime.now(UTC) - timedelta(seconds=1)
        request = RunRequest(
            model=self.model, as_of=since, reason="manual", run_id="demo", requested_by="demo"
        )
        job = open_job(request)
        change = find_change(job.spec, self._champion_as_of(job), since.date())
        with ServerClient(self.server_url) as server:
            decision = self._live(job, server, change)
            self._take_over(job, server, decision)
            self._ask(job, server, "after", week_from(decision.train_as_of.date()))
        phases = served_quality(job.environment, job.spec, since, self.weeks)
        return self._told(job, change, phases, decision)

    def _champion_as_of(self, job: Job) -> datetime | None:
        from airworthy.registry.mlflow_errors import explained
        from airworthy.registry.registry import open_registry
        from airworthy.registry.tags import AS_OF

        with explained(job.environment):
            registry = open_registry(job.environment)
            champion = registry.champion(self.model)
            tagged = registry.version(self.model, champion).tags if champion is not None else {}
        return datetime.fromisoformat(tagged[AS_OF]) if AS_OF in tagged else None

    def _live(self, job: Job, server: ServerClient, change: date) -> DriftDecision:
        """Go from week to week until the monitor asks for training; return that decision."""
        if self._champion_as_of(job) is None:
            say(
                self.console,
                f"{self.model} has no champion yet: one is trained on the days before {change - WEEK}",
            )
            self._run("train", {"reason": "api", "as_of": f"{change - WEEK}"})
        for number in range(-1, MOST_WEEKS):
            if number == 0:
                say(
                    self.console,
                    f"\nFrom {change} on the simulated world is another one (ingest.source in the spec)",
                )
            week = week_from(change + number * WEEK)
            self._ask(job, server, "before" if number < 0 else "during", week)
            self._run("monitor", {"as_of": f"{week.end:%Y-%m-%d}"})
            decision = self._decision(job, week.end)
            if decision is not None and decision.trigger:
                return decision
        raise TerminalError(
            f"the monitor asked for no training within {MOST_WEEKS} weeks of the change",
            model=self.model,
            received=decision.told if decision is not None else "nothing could be judged",
            next_step=f"airworthy ledger {self.model}",
        )

    def _ask(self, job: Job, server: ServerClient, phase: str, week: Window) -> None:
        asked = replay(job, server, week)
        self.weeks.setdefault(phase, []).append(asked)
        versions = " and ".join(asked.versions)
        say(
            self.console,
            f"\n{week}: {asked.rows:,} deliveries answered by version {versions}; their labels are in",
        )

    def _run(self, kind: str, conf: dict[str, str]) -> None:
        dag_id = f"{self.model}__{kind}"
        run_id = start_run(self.airflow, dag_id, conf)
        say(self.console, f"{dag_id} as of {conf['as_of']}: run {run_id}")
        follow_run(self.airflow, dag_id, run_id, self.console)

    def _decision(self, job: Job, window_end: datetime) -> DriftDecision | None:
        from airworthy.ledger import open_ledger
        from airworthy.monitoring.decision_table import decision_table
        from airworthy.monitoring.history import decided

        decision = decided(open_ledger(job.environment, self.model).entries(), window_end)
        say(
            self.console,
            decision_table(decision) if decision is not None else "nothing could be judged",
        )
        return decision

    def _take_over(self, job: Job, server: ServerClient, decision: DriftDecision) -> None:
        """See the training that was asked for to its end, and that its version answers now."""
        dag_id, run_id = f"{self.model}__train", str(decision.train_run_id)
        say(self.console, f"\nThe monitor has started {dag_id}: run {run_id}")
        follow_run(self.airflow, dag_id, run_id, self.console)
        version = server.describe(self.model)["version"]
        if version == decision.champion:
            verdict = return_value(self.airflow, dag_id, run_id, "evaluate")
            raise TerminalError(
                "the new version did not take over",
                model=self.model,
                received="; ".join(verdict["reasons"]),
                next_step=f"airworthy ledger {self.model}",
            )
        say(self.console, f"champion: version {decision.champion} -> version {version}")

    def _told(self, job: Job, change: date, phases: list[Quality], decision: DriftDecision) -> Told:
        from airworthy.ledger import open_ledger
        from airworthy.ledger.events import RetrainingDecision
        from airworthy.ledger.ledger_queries import of_kind

        entries = open_ledger(job.environment, self.model).entries()
        decided = of_kind(entries, RetrainingDecision)
        [asked] = [entry for entry in decided if entry.event.decision.digest == decision.digest]
        skew = return_value(self.airflow, f"{self.model}__monitor", asked.run_id, "check_skew")
        return Told(
            change,
            phases,
            decision,
            asked.run_id,
            ShiftCheck.model_validate(skew),
            job.spec.monitor.drift.ignore,
            [asked, *(entry for entry in entries if entry.run_id == decision.train_run_id)],
        )
