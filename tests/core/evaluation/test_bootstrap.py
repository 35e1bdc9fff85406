"""The paired bootstrap agrees with scikit-learn on every resample, and is as sure as it says."""

from __future__ import annotations

import numpy as np
import pytest

from airworthy.evaluation.bootstrap import _score, relative_loss
from airworthy.evaluation.metrics import measure
from airworthy.spec.gates import METRICS, Task

COMMON = {"threshold": 0.5, "confidence": 0.95, "resamples": 400, "seed": 3}


def rows(task: Task, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and imperfect predictions with ties."""
    random = np.random.default_rng(seed)
    if task == "regression":
        labels = random.normal(10, 3, count)
        return labels, labels + random.normal(0, 1, count)
    if task == "binary":
        labels = random.integers(0, 2, count).astype(float)
        return labels, np.round(np.clip(0.3 * labels + random.uniform(0, 0.7, count), 0.01, 0.99), 2)
    labels = random.integers(0, 3, count).astype(float)
    raw = random.uniform(0.1, 1, (count, 3))
    raw[np.arange(count), labels.astype(int)] += 0.5
    return labels, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("task", "metric"), [(task, metric) for task, names in METRICS.items() for metric in names])
def test_weighted_metric_is_the_metric_of_the_resample(task: Task, metric: str) -> None:
    """For any resample, the weighted form equals the plain metric of the rows drawn."""
    labels, predictions = rows(task, 400, seed=1)
    drawn = np.random.default_rng(2).integers(0, 400, 400)
    weights = np.bincount(drawn, minlength=400).astype(float)[None, :]
    found = _score(task, metric, labels, predictions, 0.5)(weights)[0]
    assert found == pytest.approx(measure(task, labels[drawn], predictions[drawn])[metric], rel=1e-6)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Over 200 samples of two equally good models, the 90 % interval contains zero in about 90 % of them."""
    covered = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        labels = random.normal(0, 1, 300)
        one, other = labels + random.normal(0, 1, 300), labels + random.normal(0, 1, 300)
        _, low, high = relative_loss(
            "regression", "rmse", labels, one, other, threshold=0.5, confidence=0.9, resamples=300, seed=seed
        )
        covered += low <= 0 <= high
    # 90 % of 200 with four standard deviations (8.5) either side.
    assert 163 <= covered <= 197


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_positive_is_worse_whatever_the_direction(metric: str) -> None:
    """A noisier challenger has a positive loss for a metric to minimise and for one to maximise."""
    labels, good = rows("regression", 500, seed=4)
    bad = good + np.random.default_rng(5).normal(0, 2, 500)
    point, low, high = relative_loss("regression", metric, labels, bad, good, **COMMON)
    assert 0 < low < point < high


def test_a_model_is_no_worse_than_itself() -> None:
    """Compared with itself the loss is zero with a zero interval, so a repeated run passes its own gate."""
    labels, predictions = rows("binary", 300, seed=6)
    found = relative_loss("binary", "auc", labels, predictions, predictions, **COMMON)
    assert found == pytest.approx((0.0, 0.0, 0.0))
