"""Parity holds for every prediction at its own scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from airworthy.release.parity import largest_difference


def test_small_prediction_is_not_excused_by_a_large_one() -> None:
    """A prediction wrong by 5 stands out, however large another one is."""
    assert largest_difference([1e6, 6.0], np.array([1e6, 1.0], dtype=np.float32)) == pytest.approx(
        5.0
    )


def test_rounding_of_large_values_is_small() -> None:
    """Differences within float32's precision count by their share of the value."""
    assert largest_difference([1e6 + 0.1], np.array([1e6])) < 1e-6


def test_missing_prediction_matches_nothing() -> None:
    """A prediction missing in the server's answer is within no tolerance."""
    assert math.isnan(largest_difference([None, 1.0], np.array([1.0, 1.0])))


def test_classes_are_compared_one_by_one() -> None:
    """Shape (rows, classes) is compared cell by cell."""
    assert largest_difference([[0.5, 0.5]], np.array([[0.5, 0.4]])) == pytest.approx(0.1)
