"""The parity check: the distance between served and offline predictions."""

from __future__ import annotations

from typing import Any

import numpy as np


def largest_difference(served: list[Any], offline: np.ndarray[Any, np.dtype[Any]]) -> float:
    """Return the largest difference of a prediction, relative to offline values above 1.

    Each prediction has its own scale: a large value elsewhere does not excuse a wrong small one.
    The result is NaN when a prediction is missing or not a number. No tolerance covers NaN.

    Args:
        served: One prediction per row: a number, or a list with one number per class.
        offline: Shape (rows,) or (rows, classes).

    >>> largest_difference([0.5, 110.0], np.array([0.25, 100.0]))
    0.25
    """
    expected = offline.astype(np.float64)
    difference = np.abs(np.asarray(served, dtype=np.float64) - expected)
    return float(np.max(difference / np.maximum(1.0, np.abs(expected))))
