"""The error rates of a gate, over many comparisons with a known truth, beside its nominal rates.

A comparison with an interval of confidence c may pass a challenger that is worse by the margin in
(1 - c) / 2 of the cases, and fail one that is not in as many: these are the nominal rates. The
share without a conclusion follows from the interval's width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.task_metrics import TaskMetric
from airworthy.evaluation.weighted import weighted_metric
from airworthy.gates.gate_outcomes import Measurements, evaluate_gates
from airworthy.gates.non_inferiority import Loss
from airworthy.handover import GateOutcome, GateState
from airworthy.spec.evaluate_part import Gate, Task


@dataclass(frozen=True)
class Comparison:
    """One outcome of a gate against the champion, with the true and the measured loss.

    Losses are shares of the champion's value.
    """

    true_loss: float
    loss: Loss
    outcome: GateState


@dataclass(frozen=True)
class Rate:
    """A share of cases with its 95 % Wilson interval; without cases all three are NaN."""

    share: float
    low: float
    high: float


def evaluate_gate(gate: Gate, loss: Loss, rows: int) -> GateOutcome:
    """Return the outcome of a gate against the champion.

    Args:
        gate: One against the champion, without a slice.
        loss: The challenger's, with its interval.
        rows: The number of holdout rows.
    """
    nan = float("nan")
    metrics = {"challenger": {gate.metric: nan}, "champion": {gate.metric: nan}}
    measurements = Measurements(metrics, {}, {(gate.metric, "champion"): loss}, rows)
    return evaluate_gates([gate], measurements)[0]


def rate_of(outcome: GateState, comparisons: Sequence[Comparison]) -> Rate:
    """Return the share of comparisons with this outcome."""
    from scipy.stats import binomtest

    if not comparisons:
        return Rate(float("nan"), float("nan"), float("nan"))
    count = sum(each.outcome == outcome for each in comparisons)
    interval = binomtest(count, len(comparisons)).proportion_ci(0.95, method="wilson")
    return Rate(count / len(comparisons), float(interval.low), float(interval.high))


def nominal_rate(confidence: float) -> float:
    """Return the highest rate at which a gate of this confidence errs, to either side.

    >>> nominal_rate(0.5)
    0.25
    """
    return (1 - confidence) / 2


def expected_passes(comparisons: Sequence[Comparison], margin: float, confidence: float) -> float:
    """Return the gate's power: the expected share of passes.

    Every interval is taken to be as wide as its estimate is uncertain.

    Args:
        comparisons: At least one.
        margin: The gate's.
        confidence: Of the intervals.
    """
    from scipy.special import ndtr, ndtri

    z = -ndtri(nominal_rate(confidence))
    half_width = np.array([(each.loss.high - each.loss.low) / 2 for each in comparisons])
    room = margin - np.array([each.true_loss for each in comparisons])
    return float(np.mean(ndtr((room / half_width - 1) * z)))


def loss_of(metric: TaskMetric, labels: Array, challenger: Array, reference: Array) -> float:
    """Return how much worse the challenger is, as a share of the reference's value.

    There is no interval.

    Args:
        metric: One of the task's metrics.
        labels: Shape (rows,).
        challenger: Its predictions, as models return them.
        reference: The other model's predictions of the same rows.
    """
    once = np.ones((1, len(labels)))
    challenger_value, reference_value = (
        weighted_metric(metric, labels, predictions)(once)[0]
        for predictions in (challenger, reference)
    )
    return float(metric.sign * (challenger_value - reference_value) / abs(reference_value))


def noisier(task: Task, predictions: Array, noise: Array, amount: float) -> Array:
    """Return predictions with added noise; for probabilities it is added to their log-odds.

    Args:
        task: A regression or a binary task.
        predictions: Shape (rows,).
        noise: Standard normal, shape (rows,).
        amount: In the label's unit, or in log-odds.
    """
    if task == "regression":
        return predictions + amount * noise
    clipped = np.clip(predictions, 1e-6, 1 - 1e-6)
    return np.asarray(1 / (1 + np.exp(-(np.log(clipped / (1 - clipped)) + amount * noise))))


def duller(predictions: Array, mean: float, amount: float) -> Array:
    """Return predictions pulled towards one value.

    Args:
        predictions: Shape (rows,).
        mean: The value.
        amount: In [0, 1]; at 1 every prediction is the value.
    """
    return np.asarray((1 - amount) * predictions + amount * mean)


def amount_for(loss: Callable[[float], float], target: float, maximum: float) -> float | None:
    """Return the amount of degradation with the target as its true loss; None without one.

    Args:
        loss: Amount -> true loss, growing.
        target: Such as the gate's margin.
        maximum: The largest amount to try.
    """
    from scipy.optimize import brentq

    if loss(0.0) >= target or loss(maximum) <= target:
        return None
    return float(brentq(lambda amount: loss(amount) - target, 0.0, maximum, rtol=1e-4, xtol=1e-6))
