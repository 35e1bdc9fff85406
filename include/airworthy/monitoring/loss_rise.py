"""The champion's error on labels that have arrived, against what its holdout promised.

The promise is the holdout's error, for the weekday of the live window: what weekdays differ by is taken from the
windows that the champion was trained on, whose errors are smaller and differ alike. Errors are compared by their
logarithms, so a rise is a share whatever the unit. How much windows differ anyway is measured on the same windows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import Task

METRIC_OF_TASK: dict[Task, str] = {
    "regression": "rmse",
    "binary": "log_loss",
    "multiclass": "log_loss",
}
_LEAST_LOSS = 1e-12  # a champion without any error has no logarithm


@dataclass(frozen=True)
class Losses:
    """The losses of a window's labelled rows: how many, their sum, the sum of their squares; and the season."""

    season: Hashable
    rows: float
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean loss."""
        return max(self.total / self.rows, _LEAST_LOSS)

    @property
    def log(self) -> float:
        """The mean loss's logarithm."""
        return float(np.log(self.mean))

    @property
    def noise(self) -> float:
        """The sampling variance of the mean loss's logarithm."""
        variance = max(self.squares / self.rows - (self.total / self.rows) ** 2, 0.0)
        return variance / self.rows / self.mean**2


@dataclass(frozen=True)
class LossRise:
    """How the live error compares.

    Attributes:
        value: The live window's metric.
        expected: What the holdout promised for such a window.
        rise: By what share the value lies above it; negative when it is better.
        p_value: How likely so great a rise is when nothing happened.
    """

    value: float
    expected: float
    rise: float
    p_value: float


def losses_of(season: Hashable, task: Task, labels: Array, predictions: Array) -> Losses:
    """Summarise the losses of a window's rows: squared errors, or log losses.

    Args:
        season: The window's.
        task: The task.
        labels: Values or class codes, shape (rows,), without NaN.
        predictions: As models give them.
    """
    losses = _row_losses(task, labels, predictions)
    return Losses(season, float(len(losses)), float(losses.sum()), float((losses**2).sum()))


def _row_losses(task: Task, labels: Array, predictions: Array) -> Array:
    if task == "regression":
        return np.asarray((labels - predictions) ** 2)
    if task == "binary":
        likely = np.where(labels == 1, predictions, 1.0 - predictions)
    else:
        likely = predictions[np.arange(len(labels)), labels.astype(int)]
    return np.asarray(-np.log(np.clip(likely, 1e-15, 1.0)))


def loss_rise(
    task: Task, live: Losses, trained: Sequence[Losses], holdout: Sequence[Losses]
) -> LossRise | None:
    """Compare a live window's error with the holdout's promise.

    Args:
        task: The task; a regression's losses are squared errors, and its metric their root.
        live: The window.
        trained: Windows of the days that the champion learned from, by time.
        holdout: Windows of its holdout.

    Returns:
        None when there is no holdout window, or fewer than two trained ones: how windows differ is not known then.
    """
    if not holdout or len(trained) < 2:
        return None
    usual = _Weekdays(trained)
    level = float(np.mean([each.log - usual.offset(each.season) for each in holdout]))
    promised = level + usual.offset(live.season)
    level_variance = float(np.mean([usual.wander + each.noise for each in holdout])) / len(holdout)
    deviation = np.sqrt(live.noise + usual.wander + level_variance + usual.variance(live.season))
    excess, root = live.log - promised, 0.5 if task == "regression" else 1.0
    return LossRise(
        value=float(np.exp(root * live.log)),
        expected=float(np.exp(root * promised)),
        rise=float(np.expm1(root * excess)),
        p_value=_chance(excess, float(deviation), usual.freedom),
    )


def _chance(excess: float, deviation: float, freedom: int) -> float:
    from scipy.stats import t

    if deviation == 0.0:
        return 0.0 if excess > 0 else 1.0
    return float(t.sf(excess / deviation, freedom))


class _Weekdays:
    """What seasons differ by, and how much windows of one season differ beyond sampling.

    The latter is taken from each window to the next (von Neumann 1941): a level that moves slowly over the training
    days, as that of a growing business does, must not excuse every later rise.
    """

    def __init__(self, windows: Sequence[Losses]) -> None:
        """Take the windows by time; at least two."""
        groups: dict[Hashable, list[float]] = defaultdict(list)
        for window in windows:
            groups[window.season].append(window.log)
        self._seasonal = max(map(len, groups.values())) >= 2
        means = {season: float(np.mean(logs)) for season, logs in groups.items() if self._seasonal}
        middle = float(np.mean(list(means.values()))) if means else 0.0
        self._offsets = {season: mean - middle for season, mean in means.items()}
        self._sizes = {season: len(logs) for season, logs in groups.items() if self._seasonal}
        self._noise = float(np.mean([window.noise for window in windows]))
        self.freedom = max(1, len(windows) - max(1, len(means)))
        left = np.array([window.log - self.offset(window.season) for window in windows])
        # What a season's mean takes along of each of its windows; with one season the differences are free of it.
        taken = len(windows) / self.freedom if len(means) > 1 else 1.0
        self.wander = max(0.0, float(np.mean(np.diff(left) ** 2)) / 2 * taken - self._noise)

    def offset(self, season: Hashable) -> float:
        """Return by how much the logarithm of a season's mean loss lies above the middle; 0 for an unknown season."""
        return self._offsets.get(season, 0.0)

    def variance(self, season: Hashable) -> float:
        """Return how uncertain that is."""
        return (self.wander + self._noise) / self._sizes[season] if season in self._sizes else 0.0
