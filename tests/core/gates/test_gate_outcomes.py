"""Gates turn measurements into outcomes, and never let something unmeasured pass."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.gates.gate_outcomes import Measurements, evaluate_gates, overall_outcome
from airworthy.gates.non_inferiority import Loss
from airworthy.spec.evaluate_part import Gate

SMALL = st.floats(-2, 2, allow_nan=False)


def measured(
    rmse: float = 5.0, loss: tuple[float, float, float] | None = None, against: str = "champion"
) -> Measurements:
    """Return measurements of one metric.

    Args:
        rmse: The challenger's.
        loss: The relative loss with its interval.
        against: The compared model.
    """
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
    return Measurements(metrics, slices, {("rmse", against): Loss(*loss)} if loss else {}, 1000)


@pytest.mark.parametrize(("bound", "outcome"), [(5.0, "pass"), (4.99, "fail")])
def test_absolute_gate_is_inclusive(bound: float, outcome: str) -> None:
    """A value on its bound passes; a value beyond fails and the reason names both."""
    result = evaluate_gates([Gate(metric="rmse", max=bound)], measured())[0]
    assert result.outcome == outcome
    assert "5" in result.reason
    assert f"{bound:g}" in result.reason


def test_undefined_metric_is_inconclusive() -> None:
    """An undefined metric is never silently passed."""
    result = evaluate_gates([Gate(metric="r2", min=0.1)], measured())[0]
    assert result.outcome == "inconclusive"


def test_failing_slice_is_named() -> None:
    """One bad slice fails the gate, and the reason names it."""
    result = evaluate_gates([Gate(metric="rmse", slice="city", max=6.0, min_rows=100)], measured())[
        0
    ]
    assert result.outcome == "fail"
    assert "rome" in result.reason


def test_small_slice_is_inconclusive() -> None:
    """A slice below min_rows is inconclusive, however good the others are."""
    result = evaluate_gates([Gate(metric="rmse", slice="city", max=8.0, min_rows=100)], measured())[
        0
    ]
    assert result.outcome == "inconclusive"
    assert "bern (3 rows)" in result.reason


def test_first_model_has_no_champion_to_beat() -> None:
    """Without a champion the comparison passes and says why."""
    result = evaluate_gates([Gate(metric="rmse", against="champion", margin=0.02)], measured())[0]
    assert (result.outcome, result.reason) == ("pass", "there is no champion yet")


@given(low=SMALL, width=st.floats(0, 1), margin=st.floats(0, 0.5))
def test_non_inferiority_needs_the_whole_interval(low: float, width: float, margin: float) -> None:
    """Against the champion: pass only within the margin, fail only beyond it, inconclusive between."""
    high = low + width
    gate = Gate(metric="rmse", against="champion", margin=margin)
    result = evaluate_gates([gate], measured(loss=((low + high) / 2, low, high)))[0].outcome
    assert (result == "pass") == (high <= margin)
    assert (result == "fail") == (high > margin and low > margin)


@given(low=SMALL, width=st.floats(0, 1), expected=st.floats(0, 0.5))
def test_superiority_needs_the_whole_interval(low: float, width: float, expected: float) -> None:
    """Against the baseline: pass only when even the worst end of the interval is the gain asked
    for, and a gain at all: as good as the baseline is not better.
    """
    high = low + width
    gate = Gate(metric="rmse", against="baseline", better_by=expected)
    result = evaluate_gates(
        [gate], measured(loss=((low + high) / 2, low, high), against="baseline")
    )[0].outcome
    assert (result == "pass") == (-high >= expected and high < 0)
    assert (result == "fail") == (-low < expected or low >= 0)


@pytest.mark.parametrize(
    ("metrics", "outcome", "words"),
    [
        ({"log_loss": 0.9, "accuracy": 0.0}, "fail", "accuracy 0"),
        ({"log_loss": 9.2, "accuracy": 0.2}, "fail", "no better than a guess"),
        ({"log_loss": 1.0986, "accuracy": 0.4}, "pass", "more than"),
    ],
)
def test_a_useless_classification_does_not_pass_by_a_baseline_that_is_worse(
    metrics: dict[str, float], outcome: str, words: str
) -> None:
    """A holdout of a new class is lost on the baseline, so that to beat it proves nothing."""
    gate = Gate(metric="log_loss", against="baseline", better_by=0.0)
    measurements = Measurements(
        metrics={"challenger": metrics},
        slices={},
        losses={("log_loss", "baseline"): Loss(-0.7, -0.8, -0.6)},
        rows=100,
        guess_loss=math.log(3),
    )
    [result] = evaluate_gates([gate], measurements)
    assert result.outcome == outcome
    assert words in result.reason


@given(st.lists(st.sampled_from([(1.0, "pass"), (9.0, "fail")]), min_size=1))
def test_one_failure_fails_the_verdict(parts: list[tuple[float, str]]) -> None:
    """The verdict is fail exactly when some gate failed, whatever the order."""
    outcomes = [
        evaluate_gates([Gate(metric="rmse", max=5.0)], measured(rmse=value))[0]
        for value, _ in parts
    ]
    assert overall_outcome(outcomes) == (
        "fail" if "fail" in {word for _, word in parts} else "pass"
    )


def in_cities(**losses: tuple[float, float, float]) -> Measurements:
    """Return a challenger a little better on the whole, and these losses in cities of 500 rows
    (bern: 3).
    """
    rows = {city: {"rmse": 5.0, "rows": 3.0 if city == "bern" else 500.0} for city in losses}
    overall_loss = {("rmse", "champion"): Loss(-0.01, -0.02, 0.0)}
    metrics = {"challenger": {"rmse": 4.9}, "champion": {"rmse": 5.0}}
    return Measurements(
        metrics,
        {"city": rows},
        overall_loss,
        1000,
        slice_losses={("rmse", "city"): {name: Loss(*loss) for name, loss in losses.items()}},
    )


EVERY_CITY = Gate(metric="rmse", against="champion", slice="city", margin=0.1, min_rows=100)
GOOD, UNSURE, BAD = (0.0, -0.05, 0.05), (0.08, -0.02, 0.18), (0.3, 0.2, 0.4)


@pytest.mark.parametrize(
    ("losses", "outcome", "named"),
    [
        ({"oslo": GOOD, "rome": GOOD}, "pass", ["oslo"]),
        ({"oslo": GOOD, "rome": BAD}, "fail", ["rome"]),
        ({"oslo": UNSURE, "rome": BAD}, "fail", ["rome"]),
        ({"oslo": GOOD, "rome": UNSURE}, "inconclusive", ["rome"]),
        ({"oslo": GOOD, "bern": GOOD}, "inconclusive", ["bern (3 rows)"]),
        ({"bern": BAD}, "inconclusive", ["bern (3 rows)"]),
        ({"oslo": BAD, "bern": GOOD}, "fail", ["oslo", "bern (3 rows)"]),
        ({}, "inconclusive", []),
    ],
)
def test_worse_than_the_champion_in_one_slice(
    losses: dict[str, Any], outcome: str, named: list[str]
) -> None:
    """Better on the whole does not help: every slice must be non-inferior by itself, and be large
    enough to tell.
    """
    result = evaluate_gates(
        [Gate(metric="rmse", against="champion", margin=0.02), EVERY_CITY], in_cities(**losses)
    )
    assert [each.outcome for each in result] == ["pass", outcome]
    assert result[1].gate == "rmse against champion in every city"
    assert all(name in result[1].reason for name in named)


def test_the_surest_failure_stands_for_the_gate() -> None:
    """Of two bad slices both are named, the surely worse one first; its interval is the gate's."""
    result = evaluate_gates([EVERY_CITY], in_cities(oslo=(0.5, 0.15, 0.9), rome=BAD))[0]
    assert (result.value, result.interval) == (0.3, (0.2, 0.4))
    assert result.reason.index("rome") < result.reason.index("oslo")


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(SMALL, st.floats(0, 1)), min_size=1))
def test_slices_pass_only_together(result: dict[str, tuple[float, float]]) -> None:
    """The gate passes exactly when each slice alone would, and fails exactly when one alone would."""
    losses = {name: (low + width / 2, low, low + width) for name, (low, width) in result.items()}
    outcome_of_all = evaluate_gates([EVERY_CITY], in_cities(**losses))[0].outcome
    alone = [
        evaluate_gates([EVERY_CITY], in_cities(**{name: loss}))[0].outcome
        for name, loss in losses.items()
    ]
    assert (outcome_of_all == "pass") == all(outcome == "pass" for outcome in alone)
    assert (outcome_of_all == "fail") == any(outcome == "fail" for outcome in alone)


def test_too_few_rows_to_tell_are_counted() -> None:
    """An interval of twice the margin's width asks for four times the rows; one within it asks for
    none.
    """
    gate = Gate(metric="rmse", against="champion", margin=0.05)
    wide, narrow = ((0.04, 0.04 - half, 0.04 + half) for half in (0.05, 0.02))
    reasons = [evaluate_gates([gate], measured(loss=loss))[0].reason for loss in (wide, narrow)]
    assert ["4.0 times the rows" in reason for reason in reasons] == [True, False]
