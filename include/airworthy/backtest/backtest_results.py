"""The results of a backtest: each strategy's metric in every period and over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import AwareDatetime, Field

from airworthy.backtest.period_scores import Scores, join_scores
from airworthy.backtest.periods import Period
from airworthy.backtest.strategies import StrategyName, StrategyRun, Training
from airworthy.backtest.triggered_strategy import MonitoredWindow
from airworthy.handover import StageOutput
from airworthy.spec import ModelSpec


class PeriodResult(StageOutput):
    """One period: each strategy's metric on its rows, its monitored windows, and its trainings.

    `all_metrics` is arm -> metric -> value, for all of the task's metrics.

    `windows` is the number of monitored windows, `fired` of those with a fired signal.

    `outcomes` counts the monitor's decisions on its windows.
    """

    name: str
    start: AwareDatetime
    end: AwareDatetime
    rows: int
    metrics: dict[str, float]
    all_metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    windows: int
    fired: int
    outcomes: dict[str, int]
    triggered: list[Training]
    scheduled: list[Training]


class Backtest(StageOutput):
    """All periods.

    `metrics` are over all rows, of `metric` alone. `all_metrics` has all of the task's metrics.
    `reasons` has the first champion's gates that did not pass.
    """

    model: str
    metric: str
    step: str
    start: AwareDatetime
    end: AwareDatetime
    rows: int
    metrics: dict[str, float]
    all_metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
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
        scores: The scores of each period.
        reasons: The first champion's gates that did not pass.
    """

    runs: Mapping[StrategyName, StrategyRun]
    windows: Sequence[MonitoredWindow]
    scores: Sequence[tuple[Period, Scores]]
    reasons: list[str]


def summarise_backtest(
    spec: ModelSpec, step: str, strategies: ReplayedStrategies, metric: str
) -> Backtest:
    """Return the results by period and over all rows.

    Args:
        spec: The model's spec.
        step: The length of the periods.
        strategies: After their replay.
        metric: The metric of the table.
    """
    overall = join_scores([scores for _, scores in strategies.scores])
    metrics = overall.metrics(spec)
    return Backtest(
        model=spec.model,
        metric=metric,
        step=step,
        start=strategies.scores[0][0].start,
        end=strategies.scores[-1][0].end,
        rows=len(overall.labels),
        metrics=of_metric(metrics, metric),
        all_metrics=metrics,
        reasons=strategies.reasons,
        periods=[
            _period_result(spec, period, scores, strategies, metric)
            for period, scores in strategies.scores
        ],
    )


def of_metric(metrics: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    """Return arm -> the value of one metric. An arm for which it is not defined is left out."""
    return {arm: values[name] for arm, values in metrics.items() if name in values}


def _period_result(
    spec: ModelSpec,
    period: Period,
    scores: Scores,
    strategies: ReplayedStrategies,
    metric: str,
) -> PeriodResult:
    # A window belongs to the period of its last day. A training as of its end belongs to the same
    # one.
    windows = [each for each in strategies.windows if period.start < each.end <= period.end]
    triggered = strategies.runs["triggered"].trainings
    scheduled = strategies.runs["scheduled"].trainings
    metrics = scores.metrics(spec)
    return PeriodResult(
        name=period.name,
        start=period.start,
        end=period.end,
        rows=len(scores.labels),
        metrics=of_metric(metrics, metric),
        all_metrics=metrics,
        windows=len(windows),
        fired=sum(bool(each.fired) for each in windows),
        outcomes=dict(Counter(each.outcome for each in windows)),
        triggered=[each for each in triggered if period.start < each.as_of <= period.end],
        scheduled=[each for each in scheduled if each.as_of == period.start],
    )
