"""Metrics of weighted rows are scikit-learn's metrics of the rows drawn."""

from __future__ import annotations

import numpy as np
import pytest
from tests.core.evaluation.imperfect import imperfect

from airworthy.evaluation.task_metrics import TaskMetric, measure
from airworthy.evaluation.weighted import weighted_metric
from airworthy.spec.evaluate_part import METRICS, Task

EVERY = [(task, metric) for task, names in METRICS.items() for metric in names]


@pytest.mark.parametrize(("task", "metric"), EVERY)
def test_weighted_metric_is_the_metric_of_the_resample(task: Task, metric: str) -> None:
    """For any resample, the weighted form equals the plain metric of the rows drawn."""
    labels, predictions = imperfect(task, 400, seed=1)
    drawn = np.random.default_rng(2).integers(0, 400, 400)
    weights = np.bincount(drawn, minlength=400).astype(float)[None, :]
    value = weighted_metric(TaskMetric(task, metric), labels, predictions)(weights)[0]
    assert value == pytest.approx(
        measure(task, labels[drawn], predictions[drawn])[metric], rel=1e-6
    )


@pytest.mark.parametrize("metric", METRICS["multiclass"])
def test_class_without_rows_in_the_resample(metric: str) -> None:
    """A class absent from a resample counts in no mean, as in the plain metric."""
    labels, predictions = imperfect("multiclass", 300, seed=3)
    predictions[:, 2] /= 100
    predictions /= predictions.sum(axis=1, keepdims=True)
    drawn = np.flatnonzero(labels != 2)
    weights = np.bincount(drawn, minlength=300).astype(float)[None, :]
    value = weighted_metric(TaskMetric("multiclass", metric), labels, predictions)(weights)[0]
    assert value == pytest.approx(
        measure("multiclass", labels[drawn], predictions[drawn])[metric], rel=1e-6
    )


def test_auc_of_one_class_is_not_made_up() -> None:
    """A resample of one class has no AUC: it is NaN, and takes no part in an interval."""
    labels, predictions = imperfect("binary", 50, seed=4)
    value = weighted_metric(TaskMetric("binary", "auc"), labels, predictions)(
        np.stack([labels, np.ones(50)])
    )
    assert np.isnan(value).tolist() == [True, False]
