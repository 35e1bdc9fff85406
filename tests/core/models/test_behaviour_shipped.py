"""The shipped models' behavioural tests mean something: a sound model keeps them, an unsound one
does not.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost

from airworthy.behaviour import load_behaviour
from airworthy.bundle import Manifest, ModelBundle
from airworthy.checks.check_spec import check_spec
from airworthy.evaluation.behavioural_gates import behaviour_outcomes
from airworthy.evaluation.behavioural_tests import run_behavioural_tests
from airworthy.features import FeatureSet, check_expressions, fit_features, load_expressions
from airworthy.lake.conform import conform
from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec import load_spec
from airworthy.spec.sources_part import SimulatorSource

MODELS = Path(__file__).resolve().parents[3] / "include/models"
FIRST = date(2026, 2, 1)
RULES_ABOUT_DIRECTION = {
    "delivery_eta": {"farther takes longer", "more stops take longer", "across the town is slow"},
    "delivery_late": {"more time makes it less likely", "with no time at all it is late"},
}


@pytest.mark.parametrize("model", ["bike_demand", "delivery_eta", "delivery_late"])
def test_shipped_models_declare_each_kind_of_test(model: str) -> None:
    """Every shipped model shows all three kinds, and `airworthy check` has nothing against them."""
    tests = load_behaviour(MODELS / model).tests.values()
    assert {type(test).__name__ for test in tests} == {
        "Invariance",
        "Direction",
        "MinimumFunctionality",
    }
    assert check_spec(MODELS / model / "model.yaml").faults == []


@pytest.mark.parametrize("model", sorted(RULES_ABOUT_DIRECTION))
def test_the_wrong_way_round_fails_and_the_right_way_passes(model: str) -> None:
    """Trained on the labels every rule holds; trained on inverted labels the rules about direction
    fail.
    """
    spec, folder = load_spec(MODELS / model / "model.yaml"), MODELS / model
    source = SimulatorSource(type="simulator", rows_per_day=2000, seed=7)
    days = [FIRST + timedelta(days=n) for n in range(16)]
    rows = pl.concat(
        conform(generate_deliveries(source, day), spec.ingest, day).rows for day in days
    )
    expressions = load_expressions(folder / "features.py")
    types = check_expressions(expressions, spec.inputs, folder / "features.py")
    features = FeatureSet(expressions, fit_features(expressions, types, [rows.lazy()]))
    manifest = Manifest(model=model, task=spec.task, inputs=spec.inputs, features=features.features)
    matrix, label = features.matrix(rows), rows[spec.ingest.label].cast(pl.Float64).to_numpy()
    parameters = {**spec.train.parameters, "nthread": 1, "seed": 0}
    if spec.task == "binary":
        parameters["objective"] = "binary:logistic"

    failed = []
    for labels in (label, label.max() + label.min() - label):
        labelled = ~np.isnan(labels)
        booster = xgboost.train(
            parameters, xgboost.DMatrix(matrix[labelled], label=labels[labelled]), 80
        )
        result = run_behavioural_tests(
            load_behaviour(folder).tests, ModelBundle(manifest, features, booster), rows[-1000:]
        )
        outcomes = behaviour_outcomes(result)
        failed.append(
            {each.gate.removeprefix("behaviour: ") for each in outcomes if each.outcome != "pass"}
        )
    assert failed[0] == set()
    assert failed[1] >= RULES_ABOUT_DIRECTION[model]


def test_a_minute_late_costs_three_times_a_minute_early() -> None:
    """The price of a quote, by hand: in EUR, one cost per row."""
    cost = load_behaviour(MODELS / "delivery_eta").function("promise_cost")
    result = cost(np.array([30.0, 30.0, 30.0]), np.array([20.0, 40.0, 30.0]))
    assert result.tolist() == pytest.approx([3.0, 1.0, 0.0])
