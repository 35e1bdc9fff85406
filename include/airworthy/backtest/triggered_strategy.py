"""The triggered strategy: the monitor's real looks, checks and decisions on past days."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from airworthy.backtest.strategies import StrategyRun, Training
from airworthy.days import DAY
from airworthy.handover import DriftDecision
from airworthy.job import Job
from airworthy.ledger.events import VerdictReached
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.look_times import look_times
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.simulation.monitor_replay import MonitorReplay, ReplayedWindow
from airworthy.monitoring.simulation.replayed_ledger import ReplayedLedger
from airworthy.monitoring.spans import Span, live_span
from airworthy.replay import Replay, ReplayedModel
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class MonitoredWindow:
    """One window of the monitor: its end, the fired signals, and the outcome of the decision."""

    end: datetime
    fired: tuple[str, ...]
    outcome: str


@dataclass
class TriggeredStrategy:
    """One monitor over past days, with the challengers that it triggers.

    Attributes:
        job: The model's job, with the spec of this monitor.
        run: The strategy's run.
        live: The live rows.
        folder: The folder of the window cache.
        memo: Comparisons that several monitors share; see `WindowData`.
        decisions: All decisions, oldest first.
    """

    job: Job
    run: StrategyRun
    live: LakeRows
    folder: Path
    memo: dict[Hashable, Any] | None = None
    decisions: list[DriftDecision] = field(default_factory=list)

    def replay(
        self, start: datetime, end: datetime, report: Callable[[datetime], None]
    ) -> list[MonitoredWindow]:
        """Look at each window by the schedule, and train at every trigger.

        Args:
            start: The time of the first champion, UTC.
            end: The time of the last look, UTC.
            report: Called with the end of every judged window.
        """
        champion, ledger = self.run.champion_at(start), ReplayedLedger()
        versions = {champion.key: ledger.add_version(champion.as_of, "schedule", approved=True)}
        monitor = MonitorReplay(
            self.job,
            champion_of(champion, versions[champion.key]),
            self.live,
            self.folder,
            ledger,
            self.memo,
        )
        monitor.skip_to(start)
        windows: dict[datetime, MonitoredWindow] = {}
        for moment in look_times(self.job.spec.monitor, start, end):
            serving = self.run.champion_at(moment)
            if serving.key != champion.key:
                champion = serving
                monitor.watch(champion_of(champion, versions[champion.key]))
            window = monitor.look(self._span(moment), moment)
            if window is None:
                continue
            self.decisions.append(window.decision)
            outcome = window.decision.outcome
            windows[window.span.end] = MonitoredWindow(
                window.span.end, tuple(window.fired), outcome
            )
            if window.triggered:
                self._train(window, moment, champion, versions, ledger)
            report(window.span.end)
        return list(windows.values())

    def _span(self, moment: datetime) -> Span:
        """Return the newest complete window: of requests at any time, of the lake by the day."""
        monitor = self.job.spec.monitor
        served = monitor.production == "predictions"
        until = None if served else self.live.until_by(moment)
        return live_span(moment, until, monitor.window)

    def _train(
        self,
        window: ReplayedWindow,
        moment: datetime,
        champion: ReplayedModel,
        versions: dict[str, str],
        ledger: ReplayedLedger,
    ) -> None:
        decision = window.decision
        training = self.run.train(decision.train_as_of, window.cause, moment)
        if training.outcome == "failed":
            return
        challenger = self.run.challenger_at(decision.train_as_of)
        # The same data make the same version: it is registered once.
        if challenger.key not in versions:
            approved, reason = training.outcome == "champion", str(decision.reason)
            version = ledger.add_version(challenger.as_of, reason, approved=approved)
            versions[challenger.key] = version
        verdict = _verdict(training, versions[champion.key])
        ledger.add_verdict(verdict, self.job.spec.model, moment)


def _verdict(training: Training, champion: str) -> VerdictReached:
    outcome = "pass" if training.outcome == "champion" else "fail"
    return VerdictReached(
        outcome=outcome,
        reasons=training.reasons,
        champion=champion,
        champion_failing=training.champion_failing,
    )


def champion_of(model: ReplayedModel, version: str) -> Champion:
    """Return a replayed model as the monitor's champion.

    Args:
        model: The model.
        version: Its number in the replay.
    """
    bounds = model.data.bounds
    return Champion(
        version=version,
        run_id="",
        digest=model.key,
        bundle=model.bundle,
        importance=column_importance(model.bundle),
        rows=training_rows_of(model),
        training=Span(bounds.start, bounds.holdout_start),
        holdout=Span(bounds.holdout_start, bounds.end),
    )


def training_rows_of(model: ReplayedModel) -> LakeRows:
    """Return the rows of a model's dataset version."""
    data = model.data
    return LakeRows(data.job.spec, data.lake, data.dataset.version, data.dataset.partitions)


def first_monitored_day(replay: Replay, start: datetime, spec: ModelSpec | None = None) -> datetime:
    """Return the first day whose rows are needed to monitor a champion as of `start`.

    Args:
        replay: The model's past days.
        start: UTC midnight.
        spec: The spec with the monitor; None: the replay's.
    """
    monitor = (spec or replay.spec).monitor
    back = monitor.reference + (monitor.retrain.persist.of + 1) * monitor.window
    return (start - back).replace(hour=0) - DAY
