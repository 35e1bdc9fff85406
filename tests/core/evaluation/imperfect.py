"""Labels, and an imperfect model's predictions of them."""

from __future__ import annotations

import numpy as np

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import Task


def imperfect(task: Task, count: int, seed: int) -> tuple[Array, Array]:
    """Return labels and predictions of so many rows; a binary model's have ties.

    Args:
        task: The model's task.
        count: How many rows.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    if task == "regression":
        labels = random.normal(10, 3, count)
        return labels, labels + random.normal(0, 1, count)
    if task == "binary":
        labels = random.integers(0, 2, count).astype(float)
        return labels, np.round(
            np.clip(0.3 * labels + random.uniform(0, 0.7, count), 0.01, 0.99), 2
        )
    labels = random.integers(0, 3, count).astype(float)
    raw = random.uniform(0.1, 1, (count, 3))
    raw[np.arange(count), labels.astype(int)] += 0.5
    return labels, raw / raw.sum(axis=1, keepdims=True)
