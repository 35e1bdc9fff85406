"""Metrics equal the textbook's, and leave out values that the rows do not define."""

from __future__ import annotations

import numpy as np
import pytest

from airworthy.evaluation.task_metrics import confusion, measure


def test_regression_by_hand() -> None:
    """rmse, mae and R² of three rows computed by hand."""
    metrics = measure("regression", np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]))
    assert metrics == pytest.approx({"rmse": 3**0.5, "mae": 1.0, "r2": 1 - 9 / 2})


def test_binary_by_hand() -> None:
    """Counts at the threshold: two hits, one false alarm, one miss."""
    labels, predictions = np.array([1, 1, 0, 0, 1.0]), np.array([0.9, 0.6, 0.7, 0.1, 0.2])
    metrics = measure("binary", labels, predictions)
    assert metrics["precision"] == pytest.approx(2 / 3)
    assert metrics["recall"] == pytest.approx(2 / 3)
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["auc"] == pytest.approx(4 / 6)
    assert confusion(labels, predictions, 0.5, 2).tolist() == [[1, 1], [1, 2]]


def test_one_class_has_no_auc() -> None:
    """An AUC of one class is not defined, so it is left out instead of made up."""
    assert "auc" not in measure("binary", np.zeros(3), np.array([0.1, 0.2, 0.3]))


def test_multiclass_decides_for_the_likeliest() -> None:
    """The class with the largest probability is the decision."""
    predictions = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]])
    metrics = measure("multiclass", np.array([0.0, 2.0, 0.0]), predictions)
    assert metrics["accuracy"] == pytest.approx(2 / 3)
