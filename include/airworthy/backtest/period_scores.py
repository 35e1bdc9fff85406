"""The score of each strategy in a period: all strategies' models on the same rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from airworthy.backtest.periods import Period
from airworthy.backtest.strategies import StrategyName, StrategyRun
from airworthy.evaluation.holdout import score_holdout
from airworthy.handover import DatasetRef
from airworthy.monitoring.loss_rise import summarise_losses
from airworthy.replay import Replay
from airworthy.spec.evaluate_part import Task

# This strategy has the role `challenger` in score_holdout: rows of classes unknown to it are
# skipped.
_CHALLENGER: StrategyName = "triggered"


class LossTotals:
    """The number of rows, and their summed losses by strategy."""

    def __init__(self) -> None:
        """Start with no rows."""
        self.rows = 0.0
        self._losses: dict[str, float] = defaultdict(float)

    def add(self, rows: float, losses: Mapping[str, float]) -> None:
        """Add rows with their summed losses."""
        self.rows += rows
        for name, loss in losses.items():
            self._losses[name] += loss

    def include(self, other: LossTotals) -> None:
        """Add another total."""
        self.add(other.rows, other._losses)

    def metrics(self, task: Task) -> dict[str, float]:
        """Return each strategy's RMSE, or its mean log loss; empty without rows."""
        if not self.rows:
            return {}
        means = {name: loss / self.rows for name, loss in self._losses.items()}
        if task == "regression":
            return {name: math.sqrt(mean) for name, mean in means.items()}
        return means


def score_period(
    replay: Replay, dataset: DatasetRef, period: Period, runs: Mapping[StrategyName, StrategyRun]
) -> LossTotals:
    """Score a period's labelled rows with each strategy's champions, and with the baseline.

    Args:
        replay: The model's past days.
        dataset: Has the period's days.
        period: The period.
        runs: Every strategy's run. The baseline is that of the newest challenger of ``scheduled``.
    """
    totals, task = LossTotals(), replay.spec.task
    for start, end in _spans(period, runs.values()):
        bundles = {
            "challenger" if name == _CHALLENGER else name: run.champion_at(start).bundle
            for name, run in runs.items()
        }
        baseline = runs["scheduled"].challenger_at(start).baseline
        frames = replay.partitions(dataset, start, end)
        scored = score_holdout(replay.spec, frames, bundles, baseline)
        if scored is None:
            continue
        losses = {
            role: summarise_losses(0, task, scored.labels, predictions).total
            for role, predictions in scored.predictions.items()
        }
        losses[_CHALLENGER] = losses.pop("challenger")
        totals.add(float(len(scored.labels)), losses)
    return totals


def _spans(period: Period, runs: Iterable[StrategyRun]) -> Iterator[tuple[datetime, datetime]]:
    """Cut a period at every change of a champion."""
    changes = {change for run in runs for change in run.champion_changes}
    inside = {change for change in changes if period.start < change < period.end}
    yield from pairwise(sorted({period.start, period.end, *inside}))
