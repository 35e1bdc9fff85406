"""What each arm's model of the moment said of every row, and what it comes to: the same rows for all of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from airworthy.backtest.periods import Period
from airworthy.backtest.strategies import Arm, Service
from airworthy.evaluation.holdout import score_holdout
from airworthy.handover import DatasetRef
from airworthy.monitoring.loss_rise import losses_of
from airworthy.replay import Past
from airworthy.spec.evaluate_part import Task

BASELINE = "baseline"
_WIDEST: Arm = "triggered"  # score_holdout's `challenger`: the one whose classes count


class Total:
    """Rows, and their summed losses by arm."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.rows = 0.0
        self._losses: dict[str, float] = defaultdict(float)

    def add(self, rows: float, losses: Mapping[str, float]) -> None:
        """Add rows with their summed losses."""
        self.rows += rows
        for name, loss in losses.items():
            self._losses[name] += loss

    def include(self, other: Total) -> None:
        """Add another total."""
        self.add(other.rows, other._losses)

    def metrics(self, task: Task) -> dict[str, float]:
        """Return each arm's RMSE, or its mean log loss; nothing without rows."""
        if not self.rows:
            return {}
        means = {name: loss / self.rows for name, loss in self._losses.items()}
        return (
            {name: math.sqrt(mean) for name, mean in means.items()}
            if task == "regression"
            else means
        )


def score_period(
    past: Past, dataset: DatasetRef, period: Period, services: Mapping[Arm, Service]
) -> Total:
    """Score a period's labelled rows with the champions that each arm had on their day, and with the baseline.

    Args:
        past: The model's past.
        dataset: Has the period's days.
        period: The period.
        services: Every arm's champions. The baseline is that of the newest challenger of the arm ``scheduled``.
    """
    total, task = Total(), past.spec.task
    for start, end in _pieces(period, services.values()):
        bundles = {
            "challenger" if arm == _WIDEST else arm: service.at(start).bundle
            for arm, service in services.items()
        }
        baseline = services["scheduled"].made_by(start).baseline
        scored = score_holdout(past.spec, past.frames(dataset, start, end), bundles, baseline)
        if scored is None:
            continue
        losses = {
            role: losses_of(0, task, scored.labels, found).total
            for role, found in scored.predictions.items()
        }
        losses[_WIDEST] = losses.pop("challenger")
        total.add(float(len(scored.labels)), losses)
    return total


def _pieces(period: Period, services: Iterable[Service]) -> Iterator[tuple[datetime, datetime]]:
    """Cut a period where an arm's champion changes."""
    changes = {change for service in services for change in service.changes}
    cuts = sorted(
        {period.start, period.end, *(each for each in changes if period.start < each < period.end)}
    )
    yield from pairwise(cuts)
