"""Compares the business KPI with the costs expected in ``tests.yaml``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from airworthy.arrays import Array
from airworthy.errors import AirworthyError
from airworthy.model_tests.feature_values import RowError
from airworthy.model_tests.part_result import PartResult
from airworthy.model_tests.tests_file import TESTS_FILE, KpiRow
from airworthy.spec.evaluate_part import KPI
from airworthy.spec.model_spec import ModelSpec


def kpi_tests(folder: Path, spec: ModelSpec, rows: list[KpiRow], tested: bool) -> PartResult:
    """Compute the cost of each row. A KPI without a test fails.

    Args:
        folder: The model's folder.
        spec: The model's spec.
        rows: The rows.
        tested: A pytest function of the KPI passed.
    """
    if spec.evaluate.kpi is None:
        failures = ["the spec has no evaluate.kpi, and tests.yaml has rows for it"] if rows else []
        return PartResult.of(KPI, failures, "the spec has no evaluate.kpi")
    if not rows and not tested:
        name = spec.evaluate.kpi.function or KPI
        failure = f"the KPI has no test: give rows under kpi in {TESTS_FILE}, or write test_{name}"
        return PartResult(KPI, "fail", "", [failure])
    try:
        failures = [
            f"row {number}: expected {row.cost:g}, got {cost:g}"
            for number, row in enumerate(rows, start=1)
            if abs((cost := _cost(folder, spec, row)) - row.cost) > row.tolerance
        ]
    except AirworthyError as error:
        return PartResult(KPI, "fail", "", [str(error)])
    return PartResult.of(KPI, failures, f"{len(rows)} rows")


def _cost(folder: Path, spec: ModelSpec, row: KpiRow) -> float:
    from airworthy.behaviour import load_behaviour
    from airworthy.evaluation.kpi import costs_of_rows

    label, prediction, classes = _encode(spec, row)
    behaviour = load_behaviour(folder, spec.model)
    costs = costs_of_rows(spec, behaviour, np.array([label]), prediction, classes)
    return float(costs[0]) if costs is not None else 0.0


def _encode(spec: ModelSpec, row: KpiRow) -> tuple[float, Array, list[str]]:
    if spec.task != "multiclass":
        if isinstance(row.label, str) or isinstance(row.prediction, dict):
            raise RowError(
                f"a {spec.task} model has one number as label, and one as prediction",
                received=f"{row.label!r}, {row.prediction!r}",
                allowed="numbers",
            )
        classes = ["0", "1"] if spec.task == "binary" else []
        return float(row.label), np.array([row.prediction]), classes
    if not isinstance(row.prediction, dict) or str(row.label) not in row.prediction:
        raise RowError(
            "a multiclass prediction has a probability for each class, the label's too",
            received=f"{row.label!r}, {row.prediction!r}",
            allowed="label: a class, prediction: {class: probability}",
        )
    classes = sorted(row.prediction)
    shares = np.array([[row.prediction[name] for name in classes]])
    return float(classes.index(str(row.label))), shares, classes
