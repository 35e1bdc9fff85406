"""One backtest: a champion of the first day, and from then on each arm as it would have been kept up to date."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime

from airworthy.backtest.period_scores import Total, score_period
from airworthy.backtest.periods import Period, periods
from airworthy.backtest.strategies import Arm, Service, Training
from airworthy.backtest.triggered_strategy import Watched, first_day_watched, walk_triggered
from airworthy.days import midnight
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Ref
from airworthy.job import Job
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.loss_rise import METRIC_OF_TASK
from airworthy.replay import Past, newest_end

Tell = Callable[[int, int, str], None]


class PeriodFound(Ref):
    """One step: each arm's metric on its rows, how many windows were watched and fired, and the trainings in it.

    `outcomes` counts what the monitor decided on its windows.
    """

    name: str
    start: AwareDatetime
    end: AwareDatetime
    rows: int
    metrics: dict[str, float]
    windows: int
    fired: int
    outcomes: dict[str, int]
    triggered: list[Training]
    scheduled: list[Training]


class Backtest(Ref):
    """All steps; `metrics` are over all rows, and `reasons` has what the gates said against the first champion."""

    model: str
    metric: str
    step: str
    start: AwareDatetime
    end: AwareDatetime
    rows: int
    metrics: dict[str, float]
    reasons: list[str]
    periods: list[PeriodFound]

    def trainings(self, arm: Arm) -> list[Training]:
        """Return an arm's trainings after the first champion's."""
        if arm == "never":
            return []
        return [each for period in self.periods for each in (getattr(period, arm))]


def run_backtest(job: Job, start: datetime, end: datetime, step: str, tell: Tell) -> Backtest:
    """Walk over ``[start, end)``: never retrained, retrained by the monitor's decisions, and retrained at every step.

    Every arm begins with the champion as of `start`, whatever its gates say. Challengers go through the spec's gates
    against their arm's champion.

    Args:
        job: Whose model; nothing of its environment is changed.
        start: UTC midnight.
        end: UTC midnight, exclusive.
        step: How often the third arm is retrained, and what the figures are told by: see `periods`.
        tell: Is told how far it is.

    Raises:
        TerminalError: when the days are not within the model's, or the first champion cannot be trained.
        TransientError: when the source cannot be reached.
    """
    _demand_days(job, start, end)
    steps = periods(start, end, step)
    scratch = job.environment.state / "scratch" / job.spec.model
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        past = Past(job, Path(folder))
        told = _telling(tell, start, end)
        told(0, start, "bringing days into a lake of their own, for a champion of")
        dataset = past.gather(_first_day(past, start), end)
        first = past.challenger(start)
        against = [
            f"{gate.gate}: {gate.outcome}"
            for gate in past.judge(first, None).gates
            if gate.outcome != "pass"
        ]
        services: dict[Arm, Service] = {
            arm: Service(past, first) for arm in ("never", "triggered", "scheduled")
        }
        production = LakeRows.at(past.job(end))
        watched = walk_triggered(
            past,
            services["triggered"],
            production,
            end,
            lambda moment: told(0, moment, "watched up to"),
        )
        totals = _walk_steps(past, dataset, steps, step, services, told)
        told(1, end, "done:")
    return _found(job, step, steps, totals, services, watched, against)


def _telling(tell: Tell, start: datetime, end: datetime) -> Callable[[int, datetime, str], None]:
    """Return how to tell of the days that were walked over, once for the monitor's arm and once for the steps."""
    days = (end - start).days

    def told(walks: int, moment: datetime, words: str) -> None:
        tell(walks * days + max(0, (moment - start).days), 2 * days, f"{words} {moment:%Y-%m-%d}")

    return told


def _walk_steps(
    past: Past,
    dataset: DatasetRef,
    steps: Sequence[Period],
    step: str,
    services: dict[Arm, Service],
    told: Callable[[int, datetime, str], None],
) -> list[Total]:
    """Train the third arm at every step but the first, and score the step with all arms."""
    totals = []
    for period in steps:
        told(1, period.start, "at the step of")
        if period is not steps[0]:
            services["scheduled"].train(period.start, step)
        totals.append(score_period(past, dataset, period, services))
    return totals


def _first_day(past: Past, start: datetime) -> datetime:
    needed = min(start - past.spec.train.lookback, first_day_watched(past, start))
    return max(needed, midnight(past.spec.start))


def _demand_days(job: Job, start: datetime, end: datetime) -> None:
    first, last = midnight(job.spec.start), newest_end(job)
    if not first < start < end <= last:
        raise TerminalError(
            "these are no days to walk over",
            model=job.spec.model,
            received=f"[{start:%Y-%m-%d}, {end:%Y-%m-%d})",
            allowed=f"days after {first:%Y-%m-%d}, which a first champion can learn from, and before {last:%Y-%m-%d}",
            next_step=f"airworthy backtest {job.spec.model} --from DAY --to DAY",
        )


def _found(
    job: Job,
    step: str,
    steps: Sequence[Period],
    totals: Sequence[Total],
    services: dict[Arm, Service],
    watched: Sequence[Watched],
    against: list[str],
) -> Backtest:
    task, whole = job.spec.task, Total()
    for total in totals:
        whole.include(total)
    found = [
        _period(job, period, total, services, watched)
        for period, total in zip(steps, totals, strict=True)
    ]
    return Backtest(
        model=job.spec.model,
        metric=METRIC_OF_TASK[task],
        step=step,
        start=steps[0].start,
        end=steps[-1].end,
        rows=int(whole.rows),
        metrics=whole.metrics(task),
        reasons=against,
        periods=found,
    )


def _period(
    job: Job, period: Period, total: Total, services: dict[Arm, Service], watched: Sequence[Watched]
) -> PeriodFound:
    # A window belongs to the period in which its last day lies; a training as of its end lies in the same one.
    seen = [each for each in watched if period.start < each.end <= period.end]
    outcomes: dict[str, int] = {}
    for each in seen:
        outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
    return PeriodFound(
        name=period.name,
        start=period.start,
        end=period.end,
        rows=int(total.rows),
        metrics=total.metrics(job.spec.task),
        windows=len(seen),
        fired=sum(bool(each.fired) for each in seen),
        outcomes=outcomes,
        triggered=[
            each
            for each in services["triggered"].trainings
            if period.start < each.as_of <= period.end
        ],
        scheduled=[each for each in services["scheduled"].trainings if each.as_of == period.start],
    )
