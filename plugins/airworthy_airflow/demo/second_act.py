"""The second act: the simulated source changes, the monitor detects it, a new model takes over.

The act replays simulated days week by week: the champion answers every row, the labels come in, and
the monitor checks the week. At the end the prediction log tells the metrics of the answers.
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
from airworthy_airflow.demo.replay_traffic import ReplayedDays, replay
from airworthy_airflow.demo.runs import return_value, start_run
from airworthy_airflow.demo.served_quality import ServedQuality, served_quality
from airworthy_airflow.demo.text import say

if TYPE_CHECKING:
    from airworthy.job import Job
    from airworthy.ledger import Entry
    from airworthy.release.server_client import ServerClient


@dataclass(frozen=True)
class SecondActResult:
    """The course of the act.

    Attributes:
        change: The first day after the change.
        phases: Metrics of the answers before, during and after.
        decision: The monitor's decision to train.
        monitor_run: The DAG run of the decision.
        skew: The check of its window against the old champion's training data.
        ignored: The columns that the spec ignores.
        entries: The ledger's entries on the decision and on the training.
    """

    change: date
    phases: list[ServedQuality]
    decision: DriftDecision
    monitor_run: str
    skew: ShiftCheck
    ignored: list[str]
    entries: list[Entry]


@dataclass
class SecondAct:
    """One model, on a stack that is up.

    Attributes:
        model: The model's name. Its source is simulated and changes.
        airflow: The stack's Airflow.
        server_url: The stack's model server.
        console: The console for the texts.
        weeks: The replayed weeks so far, by phase.
    """

    model: str
    airflow: AirflowApi
    server_url: str
    console: Console
    weeks: dict[str, list[ReplayedDays]] = field(default_factory=dict)

    def play(self) -> SecondActResult:
        """Play the next change of the source that the champion has not seen.

        Raises:
            TerminalError: when a run fails, with the failed task's log; when the monitor triggers
                no training, the new version does not take over, or the source does not change any
                more.
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
            decision = self._replay_until_decision(job, server, change)
            self._take_over(server, decision)
            self._replay_week(job, server, "after", week_from(decision.train_as_of.date()))
        phases = served_quality(job.environment, job.spec, since, self.weeks)
        return self._result(job, change, phases, decision)

    def _champion_as_of(self, job: Job) -> datetime | None:
        from airworthy.registry.mlflow_errors import mlflow_errors
        from airworthy.registry.registry import open_registry
        from airworthy.registry.tags import AS_OF
        from airworthy.traffic.current_traffic import current_champion

        champion = current_champion(job.environment, self.model)
        if champion is None:
            return None
        with mlflow_errors(job.environment):
            tags = open_registry(job.environment).version(self.model, champion).tags
        return datetime.fromisoformat(tags[AS_OF]) if AS_OF in tags else None

    def _replay_until_decision(self, job: Job, server: ServerClient, change: date) -> DriftDecision:
        """Replay week by week until the monitor triggers a training. Return that decision."""
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
            self._replay_week(job, server, "before" if number < 0 else "during", week)
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

    def _replay_week(self, job: Job, server: ServerClient, phase: str, week: Window) -> None:
        replayed = replay(job, server, week)
        self.weeks.setdefault(phase, []).append(replayed)
        versions = " and ".join(replayed.versions)
        say(
            self.console,
            f"\n{week}: {replayed.rows:,} deliveries answered by version {versions}; their labels are in",
        )

    def _run(self, kind: str, conf: dict[str, str]) -> None:
        dag_id = f"{self.model}__{kind}"
        run_id = start_run(self.airflow, dag_id, conf)
        say(self.console, f"{dag_id} as of {conf['as_of']}: run {run_id}")
        follow_run(self.airflow, dag_id, run_id, self.console)

    def _decision(self, job: Job, window_end: datetime) -> DriftDecision | None:
        from airworthy.ledger import open_ledger
        from airworthy.monitoring.decision_table import decision_table
        from airworthy.monitoring.history import find_decision

        decision = find_decision(open_ledger(job.environment, self.model).entries(), window_end)
        say(
            self.console,
            decision_table(decision) if decision is not None else "nothing could be judged",
        )
        return decision

    def _take_over(self, server: ServerClient, decision: DriftDecision) -> None:
        """Follow the triggered training to its end, and check that its version answers."""
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

    def _result(
        self, job: Job, change: date, phases: list[ServedQuality], decision: DriftDecision
    ) -> SecondActResult:
        from airworthy.ledger import open_ledger
        from airworthy.ledger.events import RetrainingDecision
        from airworthy.ledger.ledger_queries import of_kind

        entries = open_ledger(job.environment, self.model).entries()
        decisions = of_kind(entries, RetrainingDecision)
        [decided] = [each for each in decisions if each.event.decision.digest == decision.digest]
        skew = return_value(self.airflow, f"{self.model}__monitor", decided.run_id, "check_skew")
        return SecondActResult(
            change,
            phases,
            decision,
            decided.run_id,
            ShiftCheck.model_validate(skew),
            job.spec.monitor.drift.ignore,
            [decided, *(entry for entry in entries if entry.run_id == decision.train_run_id)],
        )
