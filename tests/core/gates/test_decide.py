"""Gates turn measurements into outcomes, and never let something unmeasured pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.gates.decide import Measured, decide, overall
from airworthy.spec.gates import Gate

SMALL = st.floats(-2, 2, allow_nan=False)


def measured(rmse: float = 5.0, loss: tuple[float, float, float] | None = None, against: str = "champion") -> Measured:
    metrics = {"challenger": {"rmse": rmse}, "baseline": {"rmse": 9.0}}
    if against == "champion" and loss is not None:
        metrics["champion"] = {"rmse": 5.0}
    slices = {
        "city": {
            "oslo": {"rmse": 4.0, "rows": 500.0},
            "rome": {"rmse": 7.0, "rows": 500.0},
            "bern": {"rmse": 99.0, "rows": 3.0},
        }
    }
    return Measured(metrics, slices, {("rmse", against): loss} if loss else {}, 1000)


@pytest.mark.parametrize(("bound", "outcome"), [(5.0, "pass"), (4.99, "fail")])
def test_absolute_gate_is_inclusive(bound: float, outcome: str) -> None:
    """A value on its bound passes; a value beyond fails and the reason names both."""
    found = decide([Gate(metric="rmse", max=bound)], measured())[0]
    assert found.outcome == outcome
    assert "5" in found.reason
    assert f"{bound:g}" in found.reason


def test_undefined_metric_is_inconclusive() -> None:
    """A metric that the rows do not define is never silently passed."""
    found = decide([Gate(metric="r2", min=0.1)], measured())[0]
    assert found.outcome == "inconclusive"


def test_failing_slice_is_named() -> None:
    """One bad slice fails the gate, and the reason names it."""
    found = decide([Gate(metric="rmse", slice="city", max=6.0, min_rows=100)], measured())[0]
    assert found.outcome == "fail"
    assert "rome" in found.reason


def test_small_slice_is_inconclusive() -> None:
    """A slice below min_rows is inconclusive, however good the others are."""
    found = decide([Gate(metric="rmse", slice="city", max=8.0, min_rows=100)], measured())[0]
    assert found.outcome == "inconclusive"
    assert "bern (3 rows)" in found.reason


def test_first_model_has_no_champion_to_beat() -> None:
    """Without a champion the comparison passes and says why."""
    found = decide([Gate(metric="rmse", against="champion", margin=0.02)], measured())[0]
    assert (found.outcome, found.reason) == ("pass", "there is no champion yet")


@given(low=SMALL, width=st.floats(0, 1), margin=st.floats(0, 0.5))
def test_non_inferiority_needs_the_whole_interval(low: float, width: float, margin: float) -> None:
    """Against the champion: pass only within the margin, fail only beyond it, inconclusive between."""
    high = low + width
    gate = Gate(metric="rmse", against="champion", margin=margin)
    found = decide([gate], measured(loss=((low + high) / 2, low, high)))[0].outcome
    assert (found == "pass") == (high <= margin)
    assert (found == "fail") == (high > margin and low > margin)


@given(low=SMALL, width=st.floats(0, 1), wanted=st.floats(0, 0.5))
def test_superiority_needs_the_whole_interval(low: float, width: float, wanted: float) -> None:
    """Against the baseline: pass only when even the worst end of the interval is the gain asked for."""
    high = low + width
    gate = Gate(metric="rmse", against="baseline", better_by=wanted)
    found = decide([gate], measured(loss=((low + high) / 2, low, high), against="baseline"))[0].outcome
    assert (found == "pass") == (-high >= wanted)
    assert (found == "fail") == (-high < wanted and -low < wanted)


@given(st.lists(st.sampled_from([(1.0, "pass"), (9.0, "fail")]), min_size=1))
def test_one_failure_fails_the_verdict(parts: list[tuple[float, str]]) -> None:
    """The verdict is fail exactly when some gate failed, whatever the order."""
    outcomes = [decide([Gate(metric="rmse", max=5.0)], measured(rmse=value))[0] for value, _ in parts]
    assert overall(outcomes) == ("fail" if "fail" in {word for _, word in parts} else "pass")
