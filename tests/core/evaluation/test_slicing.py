"""Rows fall into the spec's slices, and each into one."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from airworthy.evaluation.comparison import gate_slice_losses
from airworthy.evaluation.holdout import ScoredHoldout
from airworthy.evaluation.slicing import MISSING, assign_slices, bin_names, slice_names
from airworthy.gates.default_gates import HeldGate
from airworthy.gates.default_slices import POOL
from airworthy.spec.evaluate_part import Evaluate, Gate, Slices

BINS = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True).map(sorted)
NUMBERS = st.lists(
    st.none() | st.just(math.nan) | st.floats(-100, 100) | st.integers(-50, 50).map(float),
    max_size=40,
)


@given(BINS, NUMBERS)
def test_a_number_is_in_the_bin_whose_lower_end_it_reaches(
    bins: list[int], numbers: list[float | None]
) -> None:
    """A number on an edge belongs to the bin above it; null and NaN are their own slice; none is
    lost.
    """
    slices = Slices(column="km", bins=[float(edge) for edge in bins])
    rows = pl.DataFrame({"km": pl.Series(numbers, dtype=pl.Float64, strict=False)})
    names = bin_names(slices.bins or [])
    expected = [
        MISSING if number is None or math.isnan(number) else names[int(np.digitize(number, bins))]
        for number in numbers
    ]
    assigned = assign_slices(rows, [slices])["km"]
    assert assigned.cast(pl.String).to_list() == expected
    assert set(slice_names(assigned, slices)) == set(expected)


def test_bins_are_listed_in_their_order_and_values_by_name() -> None:
    """People read slices from small to large; empty ones are left out."""
    rows = pl.DataFrame({"km": [12.0, 1.0, None, 2.0], "city": ["rome", "bern", None, "rome"]})
    both = [Slices(column="km", bins=[2, 5, 10]), Slices(column="city")]
    assigned = assign_slices(rows, both)
    assert slice_names(assigned["km"], both[0]) == ["< 2", "[2, 5)", ">= 10", MISSING]
    assert slice_names(assigned["city"], both[1]) == ["bern", MISSING, "rome"]


def test_slices_of_a_single_day_are_compared_together() -> None:
    """A weekday of a short holdout cannot be told from its day; a slice of several days can."""
    days = np.repeat(np.arange(3), 100)
    column = pl.DataFrame({"weekday": days, "city": np.tile(["bern", "rome"], 150)})
    declared = [Slices(column="weekday"), Slices(column="city")]
    spec: Any = SimpleNamespace(
        task="regression",
        evaluate=Evaluate(slices=declared, gates=[], resamples=100),
        train=SimpleNamespace(seed=0),
    )
    labels = np.random.default_rng(0).normal(size=300)
    predictions = {"challenger": labels + 1.0, "champion": labels + 2.0}
    slices = assign_slices(column, declared)
    scored = ScoredHoldout(labels, predictions, slices, [], pl.DataFrame(), days)
    gates = [
        Gate(metric="rmse", against="champion", slice=each.column, margin=0.1) for each in declared
    ]
    losses = gate_slice_losses(spec, scored, [HeldGate(gate, "slices") for gate in gates])
    assert {column: set(names) for (_, column), names in losses.items()} == {
        "weekday": {POOL},
        "city": {"bern", "rome"},
    }
    own = gate_slice_losses(spec, scored, [HeldGate(gates[0])])
    assert set(own["rmse", "weekday"]) == {"0", "1", "2"}
