"""The champion's error on live labels, compared with its error on the holdout.

The expected error is the holdout's error, adjusted to the weekday of the live window. The
differences between weekdays come from the training windows: their errors are smaller, but differ in
the same way. Errors are compared by their logarithms, so a rise is a share in any unit. The usual
difference between windows is measured on the training windows too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import LOSS_OF_TASK, Task
from airworthy.training.row_losses import row_losses

METRIC_OF_TASK = LOSS_OF_TASK
_MIN_LOSS = 1e-12  # a mean loss of 0 has no logarithm


@dataclass(frozen=True)
class WindowLosses:
    """The losses of a window's labelled rows.

    Attributes:
        season: The window's season.
        rows: Number of labelled rows.
        total: Sum of their losses.
        squares: Sum of the squares of their losses.
    """

    season: Hashable
    rows: float
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean loss."""
        return max(self.total / self.rows, _MIN_LOSS)

    @property
    def log(self) -> float:
        """The logarithm of the mean loss."""
        return float(np.log(self.mean))

    @property
    def noise(self) -> float:
        """The sampling variance of the logarithm of the mean loss."""
        variance = max(self.squares / self.rows - (self.total / self.rows) ** 2, 0.0)
        return variance / self.rows / self.mean**2


@dataclass(frozen=True)
class LossRise:
    """The live error compared with the expected error.

    Attributes:
        value: The live window's metric.
        expected: The metric expected from the holdout.
        rise: Share of the expected metric by which the value is higher; negative if lower.
        p_value: Probability of a rise of at least this size without a change.
    """

    value: float
    expected: float
    rise: float
    p_value: float


def summarise_losses(
    season: Hashable, task: Task, labels: Array, predictions: Array
) -> WindowLosses:
    """Summarise the losses of a window's rows: squared errors, or log losses.

    Args:
        season: The window's season.
        task: A regression has squared errors, other tasks have log losses.
        labels: Values or class codes, shape (rows,), without NaN.
        predictions: Shape (rows,), or (rows, classes) for a multiclass task.
    """
    losses = row_losses(task, labels, predictions)
    return WindowLosses(season, float(len(losses)), float(losses.sum()), float((losses**2).sum()))


def loss_rise(
    task: Task,
    live: WindowLosses,
    training: Sequence[WindowLosses],
    holdout: Sequence[WindowLosses],
) -> LossRise | None:
    """Compare a live window's error with the error expected from the holdout.

    Args:
        task: The task. The metric of a regression is the root of its mean loss.
        live: The live window.
        training: Windows of the training days, by time.
        holdout: Windows of the holdout.

    Returns:
        None without a holdout window, or with fewer than two training windows: the usual difference
        between windows is then unknown.
    """
    if not holdout or len(training) < 2:
        return None
    usual = _SeasonalLevels(training)
    level = float(np.mean([window.log - usual.offset(window.season) for window in holdout]))
    expected = level + usual.offset(live.season)
    variances = [usual.variance_between_windows + window.noise for window in holdout]
    variance = (
        live.noise
        + usual.variance_between_windows
        + float(np.mean(variances)) / len(holdout)
        + usual.offset_variance(live.season)
    )
    excess, power = live.log - expected, 0.5 if task == "regression" else 1.0
    return LossRise(
        value=float(np.exp(power * live.log)),
        expected=float(np.exp(power * expected)),
        rise=float(np.expm1(power * excess)),
        p_value=_p_value(excess, float(np.sqrt(variance)), usual.degrees_of_freedom),
    )


def _p_value(excess: float, deviation: float, degrees_of_freedom: int) -> float:
    from scipy.stats import t

    if deviation == 0.0:
        return 0.0 if excess > 0 else 1.0
    return float(t.sf(excess / deviation, degrees_of_freedom))


class _SeasonalLevels:
    """The differences between seasons, and the variance between windows of one season.

    The variance beyond sampling is estimated from successive differences of windows (von Neumann
    1941). A level that moves slowly over the training days, such as that of a growing business,
    must not excuse every later rise.
    """

    def __init__(self, windows: Sequence[WindowLosses]) -> None:
        """Estimate from at least two windows, by time."""
        logs_of_season: dict[Hashable, list[float]] = defaultdict(list)
        for window in windows:
            logs_of_season[window.season].append(window.log)
        seasonal = max(map(len, logs_of_season.values())) >= 2
        logs = dict(logs_of_season) if seasonal else {}
        means = {season: float(np.mean(values)) for season, values in logs.items()}
        middle = float(np.mean(list(means.values()))) if means else 0.0
        self._offsets = {season: mean - middle for season, mean in means.items()}
        self._sizes = {season: len(values) for season, values in logs.items()}
        self._noise = float(np.mean([window.noise for window in windows]))
        self.degrees_of_freedom = max(1, len(windows) - max(1, len(means)))
        residuals = np.array([window.log - self.offset(window.season) for window in windows])
        # Each season's mean absorbs a part of its windows' variance. With one season the successive
        # differences do not depend on the mean.
        correction = len(windows) / self.degrees_of_freedom if len(means) > 1 else 1.0
        variance = float(np.mean(np.diff(residuals) ** 2)) / 2 * correction
        self.variance_between_windows = max(0.0, variance - self._noise)

    def offset(self, season: Hashable) -> float:
        """Return a season's mean log loss minus the middle of all seasons; 0 if unknown."""
        return self._offsets.get(season, 0.0)

    def offset_variance(self, season: Hashable) -> float:
        """Return the variance of a season's offset; 0 if the offset is unknown."""
        if season not in self._sizes:
            return 0.0
        return (self.variance_between_windows + self._noise) / self._sizes[season]
