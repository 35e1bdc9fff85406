"""Tunes a model's monitor on past days, by backtests of candidates.

The search sees the first part of the days. The last part shows what its result is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airworthy.backtest.monitor_settings import (
    MonitorSettings,
    SourceRows,
    changed_values,
    first_settings,
    is_blind,
    longest_settings,
    neighbours,
)
from airworthy.backtest.period_scores import PredictionBook
from airworthy.backtest.run_backtest import (
    first_day,
    release_time,
    replay_folder,
    require_days,
    require_metric,
)
from airworthy.backtest.strategies import StrategyRun
from airworthy.backtest.trained_models import TrainedModels
from airworthy.backtest.triggered_strategy import TriggeredStrategy
from airworthy.backtest.tuning_results import ArmResult, Tuning
from airworthy.days import DAY, days_between, floor_day
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.spans import Span
from airworthy.progress import Progress
from airworthy.replay import Replay
from airworthy.spec.evaluate_part import LOWER_IS_BETTER
from airworthy.spec.fields import format_duration
from airworthy.spec.monitor_part import WEEK

TUNED_SHARE = 2 / 3  # of the days; the rest is held out
PRICE_OF_TRAINING = 0.002  # a further training has to lower the loss by this share
_SCHEDULES = (WEEK, 2 * WEEK, 4 * WEEK, 8 * WEEK)
_MAX_SCHEDULED = 40  # trainings of one schedule: more take too long
_LEAST_DAYS = 42
_WORSE = 1.005  # held out; less than this is no difference
_MOST_ARMS = 24  # about; for the progress
NEVER, PRESENT, PROPOSED = "never", "present", "proposed"


@dataclass
class _Tuner:
    """The search: its models, predictions, and the results of the arms so far."""

    job: Job
    replay: Replay
    dataset: DatasetRef
    start: datetime
    end: datetime
    metric: str
    report: Callable[[str], None]

    def __post_init__(self) -> None:
        days = (self.end - self.start) / DAY
        self.split = floor_day(self.start + days * TUNED_SHARE * DAY)
        self.models = TrainedModels(self.replay)
        self.first = self.models.train_challenger(self.start)
        self.book = PredictionBook(self.replay, self.dataset, self.first)
        self.live = LakeRows.at(self.replay.job(self.end))
        self._memo: dict[Hashable, Any] = {}
        self._delay = release_time(self.job)
        self._results: dict[tuple[MonitorSettings, datetime], ArmResult] = {}

    def candidate(self, settings: MonitorSettings, end: datetime, name: str) -> ArmResult:
        """Return the result of a monitor with some settings, up to an end."""
        key = (settings, end)
        if key not in self._results:
            self.report(settings.words)
            job = self.replay.job(self.end)
            job = Job(settings.apply(job.spec), job.environment, job.run)
            run = StrategyRun(self.models, self.first, self._delay)
            folder = self.replay.folder / "windows"
            strategy = TriggeredStrategy(job, run, self.live, folder, self._memo)
            windows = strategy.replay(self.start, end, lambda _: None)
            judged = sum(window.outcome != "inconclusive" for window in windows)
            self._results[key] = self._result(name, settings.words, run, end, judged)
        return self._results[key].model_copy(update={"name": name})

    def scheduled(self, step: timedelta) -> ArmResult:
        """Return the result of a training at every step."""
        self.report(f"every {format_duration(step)}")
        run, moment = StrategyRun(self.models, self.first, self._delay), self.start + step
        while moment < self.end:
            run.train(moment, "schedule")
            moment += step
        name = f"every {format_duration(step)}"
        return self._result(name, "whatever the monitor says", run, self.end, 0)

    def never(self) -> ArmResult:
        """Return the result without any training."""
        run = StrategyRun(self.models, self.first)
        return self._result(NEVER, "no training after the first", run, self.end, 0)

    def cost(self, result: ArmResult) -> float:
        """Return what a search lowers: the tuned part's loss, with the price of its trainings."""
        value = result.tuned.get(self.metric, float("inf"))
        if self.metric not in LOWER_IS_BETTER:
            value = -value
        return value + abs(value) * PRICE_OF_TRAINING * result.tuned_trainings

    def _result(
        self, name: str, words: str, run: StrategyRun, end: datetime, judged: int
    ) -> ArmResult:
        tuned = self._metrics(run, self.start, self.split)
        held_out = self._metrics(run, self.split, end) if end > self.split else {}
        trainings = [training for training in run.trainings if training.as_of <= self.split]
        return ArmResult(
            name=name,
            words=words,
            trainings=len(run.trainings),
            tuned_trainings=len(trainings),
            champions=len(run.champion_changes),
            judged=judged,
            tuned=tuned,
            held_out=held_out,
        )

    def _metrics(self, run: StrategyRun, start: datetime, end: datetime) -> dict[str, float]:
        scores = self.book.score(start, end, {"arm": run}, None)
        return scores.metrics(self.job.spec).get("arm", {})


def tune_monitor(
    job: Job, start: datetime, end: datetime, report: Progress, metric: str | None = None
) -> Tuning:
    """Search the settings of a monitor that pay on past days.

    Args:
        job: The model's job. Nothing in its environment is changed.
        start: The day of the first champion, a UTC midnight.
        end: UTC midnight, exclusive.
        report: Called with the progress.
        metric: The metric to improve; None: the task's loss.

    Raises:
        TerminalError: when the days are not within the model's or are too few, when the task has no
            such metric, or when the first champion cannot be trained.
        TransientError: when the source cannot be reached.
    """
    require_days(job, start, end)
    metric = require_metric(job.spec, metric)
    if end - start < _LEAST_DAYS * DAY:
        raise TerminalError(
            "these days are too few to tune a monitor on",
            model=job.spec.model,
            received=f"{(end - start).days} days",
            allowed=f"at least {_LEAST_DAYS} days",
            next_step="say an earlier --from, or a later --to",
        )
    with replay_folder(job) as folder:
        replay, count = Replay(job, folder), 0

        def count_up(text: str) -> None:
            nonlocal count
            count += 1
            report(count, max(_MOST_ARMS, count), text)

        report(0, _MOST_ARMS, "bringing days into a lake of their own")
        specs = [job.spec, longest_settings(job.spec).apply(job.spec)]
        dataset = replay.ingest_days(first_day(replay, start, specs), end)
        tuner = _Tuner(job, replay, dataset, start, end, metric, count_up)
        return _tune(tuner, _source_rows(tuner))


def _tune(tuner: _Tuner, rows: SourceRows) -> Tuning:
    spec = tuner.job.spec
    present = MonitorSettings.of(spec.monitor)
    blind = is_blind(spec, rows)
    best, tried = first_settings(spec, rows), dict[MonitorSettings, ArmResult]()
    for _ in range(2):
        before = best
        for candidates in neighbours(spec, best, rows):
            for each in dict.fromkeys([best, *candidates]):
                tried[each] = tuner.candidate(each, tuner.split, each.words)
            # The present settings stay when nothing is better.
            best = min(dict.fromkeys([best, *candidates]), key=lambda each: tuner.cost(tried[each]))
        if best == before:
            break
    arms = [tuner.never(), *_schedules(tuner)]
    arms.append(tuner.candidate(present, tuner.end, PRESENT))
    arms.append(tuner.candidate(best, tuner.end, PROPOSED))
    worse = _is_worse(tuner.metric, arms[-1].held_out, arms[-2].held_out)
    still_blind = is_blind(best.apply(spec), rows)
    kept = still_blind or (worse and not blind) or best == present
    return Tuning(
        model=spec.model,
        metric=tuner.metric,
        start=tuner.start,
        split=tuner.split,
        end=tuner.end,
        present_blind=blind,
        proposal=None if kept else best.words,
        held_out_worse=worse,
        rows_a_day=rows.mean,
        trainings_run=tuner.models.trainings,
        arms=arms,
        candidates=sorted(tried.values(), key=tuner.cost),
        values={
            ".".join(keys): value
            for keys, value in ({} if kept else changed_values(present, best)).items()
        },
    )


def _schedules(tuner: _Tuner) -> Sequence[ArmResult]:
    length = tuner.end - tuner.start
    steps = [step for step in _SCHEDULES if length / step <= _MAX_SCHEDULED and step < length]
    return [tuner.scheduled(step) for step in steps]


def _is_worse(metric: str, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
    if metric not in new or metric not in old:
        return False
    if metric in LOWER_IS_BETTER:
        return new[metric] > old[metric] * _WORSE
    return new[metric] < old[metric] / _WORSE


def _source_rows(tuner: _Tuner) -> SourceRows:
    """Return the rows of each day before the split, and the share of them with a label."""
    job = tuner.replay.job(tuner.end)
    records = open_lake(job.environment, job.spec.model).refresh().partitions
    days = [str(day) for day in days_between(tuner.start, tuner.split)]
    counts = tuple(records[day].rows if day in records else 0 for day in days)
    span = Span(tuner.start, tuner.split)
    labelled = tuner.live.labelled(span).select(tuner.job.spec.ingest.label).collect().height
    return SourceRows(counts, labelled / max(sum(counts), 1))
