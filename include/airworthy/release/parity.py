"""How far apart served and offline predictions are."""

from __future__ import annotations

from typing import Any

import numpy as np


def largest_difference(served: list[Any], offline: np.ndarray[Any, np.dtype[Any]]) -> float:
    """Return the largest difference of any prediction, as a share of the offline value where that is above 1.

    Each prediction has its own scale: a large value elsewhere does not excuse a wrong small one. NaN when a prediction
    is missing or not a number, which no tolerance covers.

    Args:
        served: One prediction per row: a number, or a list with one number per class.
        offline: Shape (rows,) or (rows, classes).
    """
    expected = offline.astype(np.float64)
    difference = np.abs(np.asarray(served, dtype=np.float64) - expected)
    return float(np.max(difference / np.maximum(1.0, np.abs(expected))))
