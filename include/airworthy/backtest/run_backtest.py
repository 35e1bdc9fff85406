"""Runs a backtest: one first champion, and from then on each strategy of retraining."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from airworthy.backtest.backtest_results import Backtest, ReplayedStrategies, summarise_backtest
from airworthy.backtest.period_scores import score_period
from airworthy.backtest.periods import Period, periods
from airworthy.backtest.strategies import StrategyName, StrategyRun
from airworthy.backtest.triggered_strategy import first_monitored_day, replay_triggered
from airworthy.days import midnight
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.static_rows import require_time
from airworthy.progress import Progress
from airworthy.replay import Replay, ReplayedModel, newest_end

# Takes the pass over the days (0: the monitor's, 1: the periods'), the day, and a text.
_ReportDay = Callable[[int, datetime, str], None]


def run_backtest(job: Job, start: datetime, end: datetime, step: str, report: Progress) -> Backtest:
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

    Raises:
        TerminalError: when the days are not within the model's, or the first champion cannot be
            trained.
        TransientError: when the source cannot be reached.
    """
    require_time(job.spec, "backtest")
    _require_days(job, start, end)
    steps = periods(start, end, step)
    report_day = _day_report(report, start, end)
    scratch = job.environment.state / "scratch" / job.spec.model
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        replay = Replay(job, Path(folder))
        report_day(0, start, "bringing days into a lake of their own, for a champion of")
        dataset = replay.ingest_days(_first_day(replay, start), end)
        strategies = _replay_strategies(replay, dataset, steps, step, report_day)
    report_day(1, end, "done:")
    return summarise_backtest(job.spec, step, strategies)


def _replay_strategies(
    replay: Replay,
    dataset: DatasetRef,
    steps: Sequence[Period],
    step: str,
    report_day: _ReportDay,
) -> ReplayedStrategies:
    start, end = steps[0].start, steps[-1].end
    first = replay.train_challenger(start)
    reasons = _failed_gates(replay, first)
    runs: dict[StrategyName, StrategyRun] = {
        "never": StrategyRun(replay, first),
        "triggered": StrategyRun(replay, first),
        "scheduled": StrategyRun(replay, first),
    }
    windows = replay_triggered(
        replay,
        runs["triggered"],
        LakeRows.at(replay.job(end)),
        end,
        lambda moment: report_day(0, moment, "monitored up to"),
    )
    totals = []
    for period in steps:
        report_day(1, period.start, "at the step of")
        if period.start > start:
            runs["scheduled"].train(period.start, step)
        totals.append((period, score_period(replay, dataset, period, runs)))
    return ReplayedStrategies(runs, windows, totals, reasons)


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


def _first_day(replay: Replay, start: datetime) -> datetime:
    needed = min(start - replay.spec.train.lookback, first_monitored_day(replay, start))
    return max(needed, midnight(replay.spec.start))


def _require_days(job: Job, start: datetime, end: datetime) -> None:
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
