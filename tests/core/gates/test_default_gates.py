"""Default gates hold unasked; waivers and excuses never let more pass than they name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.gates.default_gates import HeldGate, held_gates
from airworthy.gates.default_slices import POOL, evaluate_default_slices
from airworthy.gates.gate_outcomes import Measurements, overall_outcome
from airworthy.gates.held_outcomes import final_outcomes, held_outcome, own_outcomes
from airworthy.gates.non_inferiority import Loss
from airworthy.handover import GateOutcome
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import Gate

from ..stages.conftest import small_spec  # noqa: TID252 - tests are no installed package

SMALL = st.floats(-1, 1)
LOSSES = st.tuples(SMALL, st.floats(0, 1)).map(
    lambda ends: Loss(ends[0] + ends[1] / 2, ends[0], ends[0] + ends[1])
)
RMSE = st.floats(1, 10)
RANKS = {"pass": 0, "inconclusive": 1, "fail": 2}


def names(**evaluate: Any) -> list[str]:
    """Return the names of the gates that hold with this evaluate part."""
    return [each.name for each in held_gates(spec_with(**evaluate))]


def spec_with(**evaluate: Any) -> ModelSpec:
    """Return a spec with this evaluate part."""
    return ModelSpec.model_validate(small_spec("parcels", evaluate=evaluate))


@pytest.mark.parametrize(
    ("evaluate", "held"),
    [
        ({}, ["rmse against champion (default)", "rmse against baseline (default)"]),
        (
            {"gates": [{"metric": "rmse", "max": 1000}]},
            ["rmse", "rmse against champion (default)", "rmse against baseline (default)"],
        ),
        (
            {"gates": [{"metric": "rmse", "against": "champion", "margin": 0.5}]},
            ["rmse against champion", "rmse against baseline (default)"],
        ),
        (
            {"slices": ["city"], "gates": [{"metric": "mae", "against": "champion", "margin": 0}]},
            [
                "mae against champion",
                "rmse against champion (default)",
                "rmse against baseline (default)",
                "rmse against champion in every city (default)",
            ],
        ),
    ],
)
def test_a_gate_of_the_spec_replaces_only_the_same_default(
    evaluate: dict[str, Any], held: list[str]
) -> None:
    """Another metric, another model or a bar is no comparison of the task's loss."""
    assert names(**evaluate) == held


BAR = HeldGate(Gate(metric="rmse", max=4.0))
BASELINE = HeldGate(Gate(metric="rmse", against="baseline", better_by=0.0), "baseline")
CHAMPION = HeldGate(Gate(metric="rmse", against="champion", margin=0.05), "champion")


def waived(held: HeldGate) -> HeldGate:
    """Return a gate with a waiver."""
    return HeldGate(held.gate, held.default, "the first month is a trial")


def outcomes(
    held: list[HeldGate], values: tuple[float, float], losses: tuple[Loss, Loss, Loss]
) -> list[GateOutcome]:
    """Return the final outcomes of the gates and of one behavioural test.

    Args:
        held: The gates.
        values: The RMSE of challenger and champion.
        losses: The challenger's against the champion, and both models' against the baseline.
    """
    better, of_challenger, of_champion = losses
    metrics = {"challenger": {"rmse": values[0]}, "champion": {"rmse": values[1]}}
    compared = {("rmse", "champion"): better, ("rmse", "baseline"): of_challenger}
    challenger = Measurements(metrics, {}, compared, 500)
    champion = Measurements(
        {"challenger": metrics["champion"]}, {}, {("rmse", "baseline"): of_champion}, 500
    )
    return final_outcomes(
        held,
        challenger,
        own_outcomes(held, challenger, [behaviour(values[0])]),
        own_outcomes(held, champion, [behaviour(values[1])]),
        better,
    )


def behaviour(rmse: float) -> GateOutcome:
    """Return a behavioural test that is broken by more rows of a worse model."""
    share = rmse / 10
    return GateOutcome(
        gate="behaviour: calm",
        outcome="pass" if share <= 0.4 else "fail",
        value=share,
        threshold=0.4,
        n=100,
        reason=f"{share:.0%} of the rows",
    )


@given(value=RMSE, against_baseline=LOSSES)
def test_a_challenger_equal_to_the_champion_is_never_excused(
    value: float, against_baseline: Loss
) -> None:
    """A champion that fails is not replaced by its like."""
    losses = (Loss(0.0, 0.0, 0.0), against_baseline, against_baseline)
    results = outcomes([BAR, BASELINE, CHAMPION], (value, value), losses)
    assert "excused" not in {each.outcome for each in results}


@given(values=st.tuples(RMSE, RMSE), losses=st.tuples(LOSSES, LOSSES, LOSSES))
def test_only_a_better_challenger_is_excused_and_only_from_what_the_champion_misses(
    values: tuple[float, float], losses: tuple[Loss, Loss, Loss]
) -> None:
    """The champion's figure on an excused gate is as bad or worse, and misses it. The proof of being
    better is needed unless the champion is proved to fail, and only then is a gate against the
    champion excused, from its proof alone.
    """
    bar, baseline, champion, test = outcomes([BAR, BASELINE, CHAMPION], values, losses)
    fails = values[1] > 4.0 or losses[2].low >= 0
    proved = losses[0].high < 0 or (fails and losses[0].point < 0)
    worse = values[1] >= values[0] > 4.0
    assert (bar.outcome == "excused") == (proved and worse)
    assert (test.outcome == "excused") == (proved and worse)
    missed = losses[1].high >= 0
    as_bad = losses[2].point >= losses[1].point and losses[2].high >= 0
    assert (baseline.outcome == "excused") == (proved and missed and as_bad)
    unproved = losses[0].low <= 0.05 < losses[0].high
    assert (champion.outcome == "excused") == (proved and unproved)


@given(values=st.tuples(RMSE, RMSE), losses=st.tuples(LOSSES, LOSSES, LOSSES))
def test_a_waiver_never_makes_a_verdict_worse_and_touches_its_gate_alone(
    values: tuple[float, float], losses: tuple[Loss, Loss, Loss]
) -> None:
    """Every other gate keeps its outcome, and the waived one keeps its figures."""
    strict = outcomes([BAR, BASELINE, CHAMPION], values, losses)
    eased = outcomes([BAR, BASELINE, waived(CHAMPION)], values, losses)
    assert RANKS[overall_outcome(eased)] <= RANKS[overall_outcome(strict)]
    assert [each for each in eased if each.outcome != "waived"] == [
        each for each in strict if "champion" not in each.gate
    ]
    assert (eased[2].outcome, eased[2].value) == ("waived", strict[2].value)
    assert strict[2].reason.partition("; excused")[0] in eased[2].reason


def test_inconclusive_against_the_baseline_locks_no_bad_champion_in() -> None:
    """A challenger that may be as good as the baseline replaces a champion that is far worse."""
    losses = (Loss(-0.6, -0.7, -0.5), Loss(0.0, -0.05, 0.05), Loss(1.4, 1.1, 1.7))
    result = outcomes([BASELINE, CHAMPION], (3.0, 9.0), losses)
    assert [each.outcome for each in result] == ["excused", "pass", "pass"]
    assert overall_outcome(result) == "pass"


def test_a_failing_champion_is_replaced_without_proof_and_never_by_a_proved_worse_one() -> None:
    """Few rows prove nothing; of two models that fail, the one that is better on them serves."""
    unsure, worse = Loss(-0.2, -0.5, 0.2), Loss(0.3, 0.1, 0.5)
    for loss, released in ((unsure, True), (worse, False)):
        losses = (loss, Loss(0.1, -0.1, 0.3), Loss(0.4, 0.1, 0.8))
        result = outcomes([BASELINE, CHAMPION], (3.0, 3.0), losses)
        assert (overall_outcome(result) == "pass") == released
    (_, champion, _) = outcomes([BASELINE, CHAMPION], (3.0, 3.0), (unsure, *losses[1:]))
    assert "the champion fails its own gates (rmse against baseline (default)" in champion.reason


@given(st.dictionaries(st.sampled_from("abcd"), LOSSES, min_size=1))
def test_the_default_gate_on_slices_fails_exactly_on_proof(losses: dict[str, Loss]) -> None:
    """It fails when one slice is surely worse by more than the margin, and passes else."""
    rows = dict.fromkeys(losses, 100.0)
    result = evaluate_default_slices(losses, rows, 30, 0.1)
    proved = [name for name, loss in losses.items() if loss.low > 0.1]
    assert result.outcome == ("fail" if proved else "pass")
    assert all(f"{name}: " in result.reason for name in proved)


FINE, BAD = Loss(0.0, -0.05, 0.05), Loss(0.5, 0.3, 0.7)


@pytest.mark.parametrize(
    ("losses", "rows", "outcome", "told"),
    [
        ({"dry": FINE}, {"dry": 490, "snow": 10}, "pass", "snow (10 rows)"),
        ({"dry": FINE}, {"dry": 90, "snow": 20}, "inconclusive", "snow (20 rows)"),
        ({}, {"snow": 20}, "inconclusive", "snow (20 rows)"),
        ({"dry": FINE, POOL: FINE}, {"dry": 90, "snow": 20, "fog": 20}, "pass", "dry: "),
        ({"dry": FINE, POOL: BAD}, {"dry": 90, "snow": 20, "fog": 20}, "fail", f"{POOL}: "),
    ],
)
def test_small_slices_are_told_or_judged_together(
    losses: dict[str, Loss], rows: dict[str, float], outcome: str, told: str
) -> None:
    """A rare slice stops nothing by itself. Too many rows without a test are inconclusive."""
    gate = Gate(metric="rmse", against="champion", slice="weather", margin=0.1)
    slices = {name: {"rows": float(count)} for name, count in rows.items()}
    metrics = {"challenger": {"rmse": 1.0}, "champion": {"rmse": 1.0}}
    measured = Measurements(
        metrics, {"weather": slices}, {}, 500, slice_losses={("rmse", "weather"): losses}
    )
    result = held_outcome(HeldGate(gate, "slices"), measured)
    assert (result.gate, result.outcome) == (
        "rmse against champion in every weather (default)",
        outcome,
    )
    assert told in result.reason
