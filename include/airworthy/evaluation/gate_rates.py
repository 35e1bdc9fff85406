"""How often a gate errs: its rates over many comparisons whose truth is known, beside those that it promises.

A comparison of an interval of confidence c may pass a challenger that is worse by the margin, or fail one that is
not, in (1 - c) / 2 of the cases: these are the nominal rates. How often it comes to no conclusion follows from its
interval's width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.weighted import weighted_metric
from airworthy.gates.gate_outcomes import Measured, decide
from airworthy.gates.non_inferiority import Loss
from airworthy.handover import GateOutcome, Outcome
from airworthy.spec.evaluate_part import LOWER_IS_BETTER, Gate, Task


@dataclass(frozen=True)
class Comparison:
    """One decision of a gate against the champion, and the loss that it was about, as a share of the champion's."""

    true_loss: float
    loss: Loss
    outcome: Outcome


@dataclass(frozen=True)
class Rate:
    """A share of cases with its 95 % Wilson interval; without cases all three are NaN."""

    share: float
    low: float
    high: float


def judged(gate: Gate, loss: Loss, rows: int) -> GateOutcome:
    """Return what a gate against the champion says of a loss."""
    known = {"challenger": {gate.metric: float("nan")}, "champion": {gate.metric: float("nan")}}
    return decide([gate], Measured(known, {}, {(gate.metric, "champion"): loss}, rows))[0]


def rate_of(outcome: Outcome, comparisons: Sequence[Comparison]) -> Rate:
    """Return how often the outcome is this one."""
    from scipy.stats import binomtest

    if not comparisons:
        return Rate(float("nan"), float("nan"), float("nan"))
    count = sum(each.outcome == outcome for each in comparisons)
    interval = binomtest(count, len(comparisons)).proportion_ci(0.95, method="wilson")
    return Rate(count / len(comparisons), float(interval.low), float(interval.high))


def nominal_rate(confidence: float) -> float:
    """Return how often, at most, a gate of this confidence errs to either side."""
    return (1 - confidence) / 2


def expected_passes(comparisons: Sequence[Comparison], margin: float, confidence: float) -> float:
    """Return the share that should pass if every interval is as wide as the estimate is uncertain: the gate's power."""
    from scipy.special import ndtr, ndtri

    z = -ndtri(nominal_rate(confidence))
    half = np.array([(each.loss[2] - each.loss[1]) / 2 for each in comparisons])
    room = margin - np.array([each.true_loss for each in comparisons])
    return float(np.mean(ndtr((room / half - 1) * z)))


def loss_of(
    task: Task, metric: str, labels: Array, challenger: Array, reference: Array, threshold: float
) -> float:
    """Return how much worse the challenger is on these rows, as a share of the reference's value, without interval."""
    once = np.ones((1, len(labels)))
    ours, other = (
        weighted_metric(task, metric, labels, p, threshold)(once)[0]
        for p in (challenger, reference)
    )
    return float((1 if metric in LOWER_IS_BETTER else -1) * (ours - other) / abs(other))


def noisier(task: Task, predictions: Array, noise: Array, amount: float) -> Array:
    """Return predictions with noise upon them, of probabilities upon their log-odds.

    Args:
        task: A regression or a binary task.
        predictions: Shape (rows,).
        noise: Standard normal, shape (rows,).
        amount: In the label's unit, or in log-odds.
    """
    if task == "regression":
        return predictions + amount * noise
    known = np.clip(predictions, 1e-6, 1 - 1e-6)
    return np.asarray(1 / (1 + np.exp(-(np.log(known / (1 - known)) + amount * noise))))


def duller(predictions: Array, mean: float, amount: float) -> Array:
    """Return predictions pulled towards one value; at amount 1 nothing else is left of them."""
    return np.asarray((1 - amount) * predictions + amount * mean)


def amount_for(loss: Callable[[float], float], wanted: float, most: float) -> float | None:
    """Return the amount of degradation, in ``(0, most)``, whose true loss is the one wanted; None when there is none.

    Args:
        loss: Amount -> true loss, growing.
        wanted: Such as the gate's margin.
        most: The largest amount to try.
    """
    from scipy.optimize import brentq

    if loss(0.0) >= wanted or loss(most) <= wanted:
        return None
    return float(brentq(lambda amount: loss(amount) - wanted, 0.0, most, rtol=1e-4, xtol=1e-6))
