"""Runs a backtest: one first champion, and from then on each strategy of retraining."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from airworthy.backtest.backtest_results import Backtest, ReplayedStrategies, summarise_backtest
from airworthy.backtest.period_scores import PredictionBook
from airworthy.backtest.periods import Period, periods
from airworthy.backtest.strategies import StrategyName, StrategyRun
from airworthy.backtest.trained_models import TrainedModels
from airworthy.backtest.triggered_strategy import TriggeredStrategy, first_monitored_day
from airworthy.days import midnight
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.static_rows import require_time
from airworthy.progress import Progress
from airworthy.release.release_rules import release_rules
from airworthy.replay import Replay, ReplayedModel, newest_end
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import LOSS_OF_TASK, METRICS

# Takes the pass over the days (0: the monitor's, 1: the periods'), the day, and a text.
_ReportDay = Callable[[int, datetime, str], None]


def run_backtest(
    job: Job,
    start: datetime,
    end: datetime,
    step: str,
    report: Progress,
    metric: str | None = None,
) -> Backtest:
    """Replay ``[start, end)`` with each strategy.

    The strategies are: never retrained, triggered by the monitor, and at every step.

    Every strategy starts with the champion as of `start`, whatever its gates say. Challengers go
    through the spec's gates against their strategy's champion. Nothing in the job's environment is
    changed.

    Args:
        job: The model's job.
        start: UTC midnight.
        end: UTC midnight, exclusive.
        step: The interval of scheduled trainings, and the length of the periods: see `periods`.
        report: Called with the progress.
        metric: The metric of the table; None: the task's loss.

    Raises:
        TerminalError: when the days are not within the model's, when the task has no such metric,
            or when the first champion cannot be trained.
        TransientError: when the source cannot be reached.
    """
    require_time(job.spec, "backtest")
    require_days(job, start, end)
    metric = require_metric(job.spec, metric)
    steps = periods(start, end, step)
    report_day = _day_report(report, start, end)
    with replay_folder(job) as folder:
        replay = Replay(job, folder)
        report_day(0, start, "bringing days into a lake of their own, for a champion of")
        dataset = replay.ingest_days(first_day(replay, start, [job.spec]), end)
        strategies = _replay_strategies(replay, dataset, steps, step, report_day)
    report_day(1, end, "done:")
    return summarise_backtest(job.spec, step, strategies, metric)


@contextmanager
def replay_folder(job: Job) -> Iterator[Path]:
    """Yield a temporary folder for a replay."""
    scratch = job.environment.state / "scratch" / job.spec.model
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        yield Path(folder)


def require_metric(spec: ModelSpec, metric: str | None) -> str:
    """Return the metric's name; the task's loss for None.

    Raises:
        TerminalError: when the task has no such metric.
    """
    names = METRICS[spec.task]
    if metric is None or metric in names:
        return metric or LOSS_OF_TASK[spec.task]
    raise TerminalError(
        "the task has no such metric",
        model=spec.model,
        received=metric,
        allowed=", ".join(names),
        next_step=f"say --metric {LOSS_OF_TASK[spec.task]}",
    )


def release_time(job: Job) -> timedelta:
    """Return the time from a decision to the end of the rollout, without training and approval."""
    rules = release_rules(job.spec, job.environment)
    return len(rules.guarded_steps) * rules.bake


def _replay_strategies(
    replay: Replay,
    dataset: DatasetRef,
    steps: Sequence[Period],
    step: str,
    report_day: _ReportDay,
) -> ReplayedStrategies:
    start, end = steps[0].start, steps[-1].end
    models, job = TrainedModels(replay), replay.job(end)
    first = models.train_challenger(start)
    reasons = _failed_gates(replay, first)
    delay = release_time(job)
    runs: dict[StrategyName, StrategyRun] = {
        "never": StrategyRun(models, first),
        "triggered": StrategyRun(models, first, delay),
        "scheduled": StrategyRun(models, first, delay),
    }
    triggered = TriggeredStrategy(
        job, runs["triggered"], LakeRows.at(job), replay.folder / "windows"
    )
    windows = triggered.replay(start, end, lambda moment: report_day(0, moment, "monitored up to"))
    for period in steps[1:]:
        report_day(1, period.start, "at the step of")
        runs["scheduled"].train(period.start, step)
    book, arms = PredictionBook(replay, dataset, first), dict[str, StrategyRun](runs.items())
    scores = [(period, book.score(period.start, period.end, arms, "scheduled")) for period in steps]
    return ReplayedStrategies(runs, windows, scores, reasons)


def _failed_gates(replay: Replay, champion: ReplayedModel) -> list[str]:
    gates = replay.evaluate(champion, None).gates
    return [
        f"{gate.gate}: {gate.outcome}" for gate in gates if gate.outcome not in ("pass", "waived")
    ]


def _day_report(report: Progress, start: datetime, end: datetime) -> _ReportDay:
    """Return a function that reports days: all days are passed twice."""
    days = (end - start).days

    def report_day(number: int, moment: datetime, text: str) -> None:
        done = number * days + max(0, (moment - start).days)
        report(done, 2 * days, f"{text} {moment:%Y-%m-%d}")

    return report_day


def first_day(replay: Replay, start: datetime, specs: Iterable[ModelSpec]) -> datetime:
    """Return the first day that is needed to train as of `start` and to monitor by some specs.

    Args:
        replay: The model's past days.
        start: UTC midnight.
        specs: The specs of the monitors.
    """
    monitored = (first_monitored_day(replay, start, spec) for spec in specs)
    needed = min(start - replay.spec.train.lookback, *monitored)
    return max(needed, midnight(replay.spec.start))


def require_days(job: Job, start: datetime, end: datetime) -> None:
    """Require days that a first champion can learn before.

    Raises:
        TerminalError: when the days are not within the model's.
    """
    first, last = midnight(job.spec.start), newest_end(job)
    if not first < start < end <= last:
        raise TerminalError(
            "these are no days to replay",
            model=job.spec.model,
            received=f"[{start:%Y-%m-%d}, {end:%Y-%m-%d})",
            allowed=f"days after {first:%Y-%m-%d}, which a first champion can learn from, "
            f"and before {last:%Y-%m-%d}",
            next_step=f"airworthy backtest {job.spec.model} --from DAY --to DAY",
        )
