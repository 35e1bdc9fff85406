"""The gate against the champion errs about as often as stated, by comparisons with a known truth.

`benchmarks/gates.py` does the same with trained models; here two models' errors are drawn, within
seconds.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from airworthy.evaluation.bootstrap import BootstrapSettings, relative_loss
from airworthy.evaluation.gate_rates import (
    Comparison,
    amount_for,
    duller,
    evaluate_gate,
    expected_passes,
    loss_of,
    noisier,
    nominal_rate,
    rate_of,
)
from airworthy.evaluation.task_metrics import TaskMetric
from airworthy.gates.non_inferiority import Loss
from airworthy.spec.evaluate_part import Gate, Task

GATE = Gate(metric="rmse", against="champion", margin=0.05)
DAYS, ROWS, CASES = 10, 150, 300


def comparison(seed: int, true_loss: float) -> Comparison:
    """Compare two models with mostly shared errors; the challenger's rmse is truly so much larger.

    Errors have heavy tails and are larger on some days than on others, for both models.
    """
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), ROWS // DAYS)
    size = random.lognormal(0, 0.3, DAYS)[day]
    shared, one, other = random.standard_t(6, (3, day.size))
    champion = size * (shared + 0.25 * one)
    challenger = size * (shared + 0.25 * other) * (1 + true_loss)
    labels = np.zeros(day.size)
    loss = relative_loss(
        TaskMetric("regression", "rmse"),
        labels,
        challenger,
        champion,
        days=day,
        settings=BootstrapSettings(confidence=0.95, resamples=300, seed=seed),
    )
    return Comparison(true_loss, loss, evaluate_gate(GATE, loss, day.size).outcome)


def test_a_model_against_itself_is_not_rejected() -> None:
    """Of 300 equally good challengers not one in fifty fails; as many pass as the interval's width
    lets expect.
    """
    cases = [comparison(seed, 0.0) for seed in range(CASES)]
    assert rate_of("fail", cases).share <= 0.02
    expected = expected_passes(cases, 0.05, 0.95)
    assert 0.2 < expected < 0.9
    # Four standard deviations of the share of 300.
    assert rate_of("pass", cases).share == pytest.approx(
        expected, abs=4 * math.sqrt(expected * (1 - expected) / CASES)
    )


def test_a_challenger_at_the_margin_passes_as_seldom_as_promised() -> None:
    """Truly worse by the margin: about 2.5 % pass, and about 2.5 % fail; the rest are inconclusive."""
    cases = [comparison(1000 + seed, 0.05) for seed in range(CASES)]
    # 7.5 of 300 are meant; four standard deviations (2.7 each) above that are 18, six per cent.
    assert rate_of("pass", cases).share <= 0.06
    assert rate_of("fail", cases).share <= 0.06


def test_a_much_worse_challenger_never_passes() -> None:
    """Worse by four times the margin: none passes, and nearly all fail."""
    cases = [comparison(2000 + seed, 0.20) for seed in range(60)]
    assert rate_of("pass", cases).share == 0.0
    assert rate_of("fail", cases).share > 0.8


def test_a_rate_comes_with_its_interval() -> None:
    """Wilson's interval of 5 in 200, by hand; without cases there is no rate."""
    cases = [
        Comparison(0.0, Loss(0.0, 0.0, 0.0), "pass" if number < 5 else "fail")
        for number in range(200)
    ]
    rate = rate_of("pass", cases)
    assert (rate.share, rate.low, rate.high) == pytest.approx((0.025, 0.01070, 0.05722), abs=1e-4)
    assert math.isnan(rate_of("pass", []).share)
    assert nominal_rate(0.95) == pytest.approx(0.025)


@pytest.mark.parametrize("kind", ["noisier", "duller"])
@pytest.mark.parametrize(("task", "metric"), [("regression", "rmse"), ("binary", "log_loss")])
def test_a_model_is_degraded_to_the_loss_that_is_wanted(task: Task, metric: str, kind: str) -> None:
    """The returned amount gives the requested loss; a model already worse has none."""
    random = np.random.default_rng(7)
    hard, noise = random.normal(0, 1, (2, 20_000))
    labels, good = hard + random.normal(0, 1, 20_000), hard
    if task == "binary":
        good = 1 / (1 + np.exp(-hard))
        labels = (random.uniform(size=20_000) < good).astype(float)
    mean = float(labels.mean())

    def loss(amount: float) -> float:
        worse = (
            noisier(task, good, noise, amount) if kind == "noisier" else duller(good, mean, amount)
        )
        return loss_of(TaskMetric(task, metric), labels, worse, good)

    assert loss(0.0) == pytest.approx(0.0, abs=1e-9)
    amount = amount_for(loss, 0.03, 0.9)
    assert amount is not None
    assert loss(amount) == pytest.approx(0.03, abs=1e-3)
    assert amount_for(lambda amount: loss(amount) + 0.05, 0.03, 0.9) is None
