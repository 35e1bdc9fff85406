"""Behavioural tests tell a sound model from an unsound one, for each kind of rule and each task."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from airworthy.behaviour import (
    Behaviour,
    BehaviouralTest,
    Direction,
    Invariance,
    MinimumFunctionality,
    load_behaviour,
)
from airworthy.bundle import Manifest, ModelBundle
from airworthy.errors import TerminalError
from airworthy.evaluation.behavioural_gates import behaviour_outcomes
from airworthy.evaluation.behavioural_tests import BehaviouralResult, run_behavioural_tests
from airworthy.features import Feature, FeatureSet
from airworthy.handover import GateOutcome
from airworthy.spec.evaluate_part import Task

INPUTS: dict[str, Any] = {"at": "datetime", "km": "float", "kg": "float", "city": "category"}
EXPRESSIONS = {"km": pl.col("km"), "kg": pl.col("kg")}
FARTHER = Direction(change={"km": pl.col("km") + 3.0}, never="lower", allowed=0.01)
SAME_WEIGHT = Invariance(change={"kg": pl.col("kg") * 1.5}, tolerance=1.0, allowed=0.01)
SHORT = MinimumFunctionality(
    rows=[{"km": 0.5, "kg": 1.0}, {"km": 1.0, "kg": 2.0}], at_least=0.0, at_most=12.0
)
RULES: dict[str, BehaviouralTest] = {"farther": FARTHER, "weight": SAME_WEIGHT, "short": SHORT}


def rows(count: int = 400, seed: int = 0) -> pl.DataFrame:
    """Return raw rows."""
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "at": pl.Series([datetime(2026, 3, 1, tzinfo=UTC)] * count).cast(
                pl.Datetime("us", "UTC")
            ),
            "km": random.uniform(0.2, 15, count),
            "kg": random.uniform(0.1, 30, count),
            "city": random.choice(["oslo", "rome"], count),
        }
    )


def model(
    formula: pl.Expr, task: Task = "regression", classes: tuple[str, ...] = ()
) -> ModelBundle:
    """Return a booster trained on the formula; a classification's label is the formula's whole
    number.

    Args:
        formula: The true label.
        task: The model's task.
        classes: Of a multiclass task.
    """
    frame = rows(3000, seed=1)
    features = FeatureSet(EXPRESSIONS, [Feature(name=name, kind="number") for name in EXPRESSIONS])
    parameters: dict[str, Any] = {"max_depth": 5, "nthread": 1, "eta": 0.3, "seed": 0}
    if task == "multiclass":
        parameters |= {"objective": "multi:softprob", "num_class": len(classes)}
    label = frame.select(formula.cast(pl.Float64).alias("label"))["label"].to_numpy()
    booster = xgboost.train(parameters, xgboost.DMatrix(features.matrix(frame), label=label), 40)
    manifest = Manifest(
        model="parcels", task=task, inputs=INPUTS, features=features.features, classes=list(classes)
    )
    return ModelBundle(manifest, features, booster)


def outcomes(
    bundle: ModelBundle, tests: dict[str, BehaviouralTest] = RULES
) -> dict[str, GateOutcome]:
    """Return the outcomes of the tests by name."""
    results = behaviour_outcomes(run_behavioural_tests(tests, bundle, rows()))
    return {each.gate.removeprefix("behaviour: "): each for each in results}


def test_a_model_that_behaves_passes_every_rule() -> None:
    """Minutes grow with the distance and hardly with the weight: all three kinds of rule hold."""
    results = outcomes(model(5 + 3 * pl.col("km") + 0.01 * pl.col("kg")))
    assert {name: each.outcome for name, each in results.items()} == dict.fromkeys(RULES, "pass")
    assert [each.n for each in results.values()] == [400, 400, 2]


@pytest.mark.parametrize(
    ("formula", "broken"),
    [
        (10 - 0.5 * pl.col("km"), "farther"),
        (5 + 0.1 * pl.col("km") + 2 * pl.col("kg"), "weight"),
        (40 + 3 * pl.col("km"), "short"),
    ],
)
def test_a_bad_model_fails_the_rule_that_it_breaks(formula: pl.Expr, broken: str) -> None:
    """A model made to break one kind of rule fails it, and the reason shows a row with both
    predictions.
    """
    results = outcomes(model(formula))[broken]
    assert results.outcome == "fail"
    assert results.value is not None
    assert results.value > 0.3
    assert results.threshold == RULES[broken].allowed
    assert "km=" in results.reason
    assert ("became" in results.reason) == (broken != "short")


def test_a_rule_can_be_about_one_class() -> None:
    """In a multiclass task the rule speaks of its class alone."""
    bundle = model((pl.col("km") / 5).floor().clip(0, 2), "multiclass", ("near", "middle", "far"))
    farther = {"km": pl.col("km") + 5.0}
    results = outcomes(
        bundle,
        {
            "far": Direction(change=farther, never="lower", of="far", tolerance=0.05, allowed=0.01),
            "near": Direction(
                change=farther, never="lower", of="near", tolerance=0.05, allowed=0.01
            ),
            "move": Invariance(change=farther, tolerance=0.1, allowed=0.01),
            "plain": MinimumFunctionality(rows=[{"km": 14.0, "kg": 1.0}], of="far", at_least=0.8),
        },
    )
    assert [each.outcome for each in results.values()] == ["pass", "fail", "fail", "pass"]
    with pytest.raises(TerminalError, match="nowhere"):
        outcomes(bundle, {"none": Direction(change=farther, never="lower", of="nowhere")})


def test_too_few_rows_say_nothing() -> None:
    """A rule with hardly a row in the sample is inconclusive, never silently passed."""
    bundle = model(3 * pl.col("km"))
    nowhere = Direction(change={"km": 1.0}, never="higher", where=pl.col("city") == "bern")
    few = Direction(change={"km": pl.col("km") + 1}, never="lower", where=pl.col("km") < 0.5)
    results = outcomes(bundle, {"nowhere": nowhere, "few": few})
    assert [each.outcome for each in results.values()] == ["inconclusive", "inconclusive"]
    assert results["nowhere"].n == 0


@given(
    count=st.integers(0, 500),
    broken=st.integers(0, 500),
    allowed=st.floats(0, 0.99),
    least=st.integers(1, 100),
)
def test_the_gate_is_the_share_against_what_is_allowed(
    count: int, broken: int, allowed: float, least: int
) -> None:
    """Pass exactly up to the allowed share; with too few rows neither pass nor fail."""
    broken = min(broken, count)
    (results,) = behaviour_outcomes(
        [BehaviouralResult("rule", "words", count, broken, allowed, least)]
    )
    expected = "inconclusive" if count < least else "pass" if broken / count <= allowed else "fail"
    assert (results.outcome, results.n) == (expected, count)


def test_a_broken_file_is_a_terminal_error(tmp_path: Path) -> None:
    """A broken file, or one without tests, is an error with its name; no file means no tests."""
    assert load_behaviour(tmp_path).tests == {}
    for text in ("BEHAVIOUR = {", "1 / 0", "BEHAVIOUR = {'a': 1}", "BEHAVIOUR = []"):
        (tmp_path / "behaviour.py").write_text(text, encoding="utf-8")
        with pytest.raises(TerminalError, match=r"behaviour\.py"):
            load_behaviour(tmp_path)


def test_a_function_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A KPI's missing function, or one of another type, is a terminal error with its name."""
    behaviour = Behaviour(tmp_path / "behaviour.py", {}, {"rate": 3})
    for name in ("rate", "cost"):
        with pytest.raises(TerminalError, match=name):
            behaviour.function(name)
