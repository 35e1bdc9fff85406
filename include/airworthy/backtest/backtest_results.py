"""The results of a backtest: each strategy's metric in every period and over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import AwareDatetime

from airworthy.backtest.period_scores import LossTotals
from airworthy.backtest.periods import Period
from airworthy.backtest.strategies import StrategyName, StrategyRun, Training
from airworthy.backtest.triggered_strategy import MonitoredWindow
from airworthy.handover import StageOutput
from airworthy.monitoring.loss_rise import METRIC_OF_TASK
from airworthy.spec import ModelSpec


class PeriodResult(StageOutput):
    """One period: each strategy's metric on its rows, its monitored windows, and its trainings.

    `windows` is the number of monitored windows, `fired` of those with a fired signal.

    `outcomes` counts the monitor's decisions on its windows.
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


class Backtest(StageOutput):
    """All periods.

    `metrics` are over all rows. `reasons` has the first champion's gates that did not pass.
    """

    model: str
    metric: str
    step: str
    start: AwareDatetime
    end: AwareDatetime
    rows: int
    metrics: dict[str, float]
    reasons: list[str]
    periods: list[PeriodResult]

    def trainings(self, strategy: StrategyName) -> list[Training]:
        """Return a strategy's trainings after the first champion's."""
        if strategy == "never":
            return []
        return [training for period in self.periods for training in getattr(period, strategy)]


@dataclass(frozen=True)
class ReplayedStrategies:
    """The strategies after their replay.

    Attributes:
        runs: Every strategy's champions and trainings.
        windows: The monitored windows of ``triggered``.
        totals: The losses of each period.
        reasons: The first champion's gates that did not pass.
    """

    runs: Mapping[StrategyName, StrategyRun]
    windows: Sequence[MonitoredWindow]
    totals: Sequence[tuple[Period, LossTotals]]
    reasons: list[str]


def summarise_backtest(spec: ModelSpec, step: str, strategies: ReplayedStrategies) -> Backtest:
    """Return the results by period and over all rows.

    Args:
        spec: The model's spec.
        step: The length of the periods.
        strategies: After their replay.
    """
    overall = LossTotals()
    for _, totals in strategies.totals:
        overall.include(totals)
    return Backtest(
        model=spec.model,
        metric=METRIC_OF_TASK[spec.task],
        step=step,
        start=strategies.totals[0][0].start,
        end=strategies.totals[-1][0].end,
        rows=int(overall.rows),
        metrics=overall.metrics(spec.task),
        reasons=strategies.reasons,
        periods=[
            _period_result(spec, period, totals, strategies) for period, totals in strategies.totals
        ],
    )


def _period_result(
    spec: ModelSpec, period: Period, totals: LossTotals, strategies: ReplayedStrategies
) -> PeriodResult:
    # A window belongs to the period of its last day. A training as of its end belongs to the same
    # one.
    windows = [each for each in strategies.windows if period.start < each.end <= period.end]
    triggered = strategies.runs["triggered"].trainings
    scheduled = strategies.runs["scheduled"].trainings
    return PeriodResult(
        name=period.name,
        start=period.start,
        end=period.end,
        rows=int(totals.rows),
        metrics=totals.metrics(spec.task),
        windows=len(windows),
        fired=sum(bool(each.fired) for each in windows),
        outcomes=dict(Counter(each.outcome for each in windows)),
        triggered=[each for each in triggered if period.start < each.as_of <= period.end],
        scheduled=[each for each in scheduled if each.as_of == period.start],
    )
