"""Runs behavioural tests on a model: the share of rows that break each rule, and the worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.behaviour import BehaviouralTest, Change, Direction, Invariance, MinimumFunctionality
from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.features import polars_schema
from airworthy.spec.fields import ColumnType


@dataclass(frozen=True)
class BehaviouralResult:
    """The result of one test.

    Attributes:
        name: The test's name.
        rule: The rule in words.
        rows: The number of rows it ran on.
        violations: The number of them that break the rule.
        allowed: Share of rows that may.
        min_rows: With fewer rows the test is inconclusive.
        example: The row that breaks it most, with its predictions; empty when none does.
    """

    name: str
    rule: str
    rows: int
    violations: int
    allowed: float
    min_rows: int
    example: str = ""

    @property
    def share(self) -> float:
        """Violations as a share of the rows; 0 without rows."""
        return self.violations / self.rows if self.rows else 0.0


def run_behavioural_tests(
    tests: Mapping[str, BehaviouralTest], bundle: ModelBundle, sample: pl.DataFrame
) -> list[BehaviouralResult]:
    """Run every test on a model.

    Args:
        tests: By name.
        bundle: The model.
        sample: Raw rows with at least the columns of the bundle's manifest.

    Raises:
        TerminalError: when a test cannot be computed on these rows.
    """
    inputs, model = bundle.manifest.inputs, bundle.manifest.model
    rows = (
        sample.select(list(inputs)) if sample.width else pl.DataFrame(schema=polars_schema(inputs))
    )
    before: Array = bundle.predict(rows)
    results = []
    for name, test in tests.items():
        try:
            results.append(_run(name, test, bundle, rows, before))
        except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
            raise TerminalError(
                f"the behavioural test {name!r} fails: {type(error).__name__}: {error}",
                model=model,
                stage="evaluate",
                allowed="columns and values of the declared types",
                next_step=f"airworthy check include/models/{model}",
            ) from error
    return results


def _run(
    name: str, test: BehaviouralTest, bundle: ModelBundle, rows: pl.DataFrame, before: Array
) -> BehaviouralResult:
    if isinstance(test, MinimumFunctionality):
        return _run_on_cases(name, test, bundle)
    if test.where is not None:
        mask = rows.select(test.where.fill_null(value=False).alias("mask"))["mask"].to_numpy()
        rows, before = rows.filter(pl.Series(mask)), before[mask]
    if rows.is_empty():
        return BehaviouralResult(name, rule_text(test), 0, 0, test.allowed, max(1, test.min_rows))
    after: Array = bundle.predict(changed_rows(rows, test.change, bundle.manifest.inputs))
    excess = _movement(test, bundle, before, after) - test.tolerance
    violated = ~(excess <= 0)  # a prediction of NaN breaks every rule
    example = ""
    if violated.any():
        worst = int(np.nanargmax(np.where(np.isnan(excess), np.inf, excess)))
        predictions = f"{_prediction_text(before[worst])} became {_prediction_text(after[worst])}"
        example = f"{_row_text(rows, worst)}: {predictions}"
    count = int(violated.sum())
    return BehaviouralResult(
        name, rule_text(test), len(rows), count, test.allowed, test.min_rows, example
    )


def _movement(
    test: Invariance | Direction, bundle: ModelBundle, before: Array, after: Array
) -> Array:
    """Return each prediction's move in the forbidden direction, shape (rows,)."""
    if isinstance(test, Invariance):
        distance = np.abs(after - before)
        return np.asarray(distance.max(axis=1) if distance.ndim == 2 else distance)
    sign = 1.0 if test.never == "higher" else -1.0
    return np.asarray(
        sign * (_of_class(test.of, bundle, after) - _of_class(test.of, bundle, before))
    )


def _run_on_cases(name: str, test: MinimumFunctionality, bundle: ModelBundle) -> BehaviouralResult:
    rows = case_rows(test, bundle.manifest.inputs)
    predictions = _of_class(test.of, bundle, bundle.predict(rows)).astype(np.float64)
    low = -np.inf if test.at_least is None else test.at_least
    high = np.inf if test.at_most is None else test.at_most
    violated = ~((predictions >= low) & (predictions <= high))
    example = ""
    if violated.any():
        excess = np.maximum(low - predictions, predictions - high)
        worst = int(np.argmax(np.where(np.isnan(predictions), np.inf, excess)))
        example = f"{_row_text(rows, worst)}: {_prediction_text(predictions[worst])}"
    count = int(violated.sum())
    return BehaviouralResult(name, rule_text(test), len(rows), count, test.allowed, 1, example)


def _of_class(name: str | None, bundle: ModelBundle, predictions: Array) -> Array:
    """Return the probabilities of one class, shape (rows,)."""
    if predictions.ndim == 1:
        return predictions
    if name not in bundle.manifest.classes:
        raise ValueError(
            f"`of` names the class that is meant: one of {bundle.manifest.classes}, not {name!r}"
        )
    return np.asarray(predictions[:, bundle.manifest.classes.index(name)])


def changed_rows(
    rows: pl.DataFrame, change: Change, inputs: Mapping[str, ColumnType]
) -> pl.DataFrame:
    """Return the rows with changed columns, in their declared types.

    Args:
        rows: Raw rows.
        change: Column -> its new value, or an expression. All expressions read the unchanged rows.
        inputs: Column -> its declared type.
    """
    types = polars_schema(dict(inputs))
    return rows.with_columns(
        (value if isinstance(value, pl.Expr) else pl.lit(value)).cast(types[column]).alias(column)
        for column, value in change.items()
    )


def case_rows(test: MinimumFunctionality, inputs: Mapping[str, ColumnType]) -> pl.DataFrame:
    """Return the cases of a test as raw rows; times without a zone are UTC."""
    types = polars_schema(dict(inputs)).items()
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in test.rows], dtype=kind) for name, kind in types]
    )


def rule_text(test: BehaviouralTest) -> str:
    """Return the rule in words.

    >>> rule_text(MinimumFunctionality(rows=[], at_least=1.0, at_most=60.0))
    'at least 1 and at most 60'
    """
    if isinstance(test, MinimumFunctionality):
        bounds = (("at least", test.at_least), ("at most", test.at_most))
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    columns = " and ".join(test.change)
    if isinstance(test, Invariance):
        return f"changing {columns} moves the prediction by at most {test.tolerance:g}"
    slack = f" by more than {test.tolerance:g}" if test.tolerance else ""
    return f"changing {columns} never makes the prediction {test.never}{slack}"


def _row_text(rows: pl.DataFrame, index: int) -> str:
    values = rows.row(index, named=True).items()
    return ", ".join(f"{name}={_value_text(value)}" for name, value in values if value is not None)


def _value_text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _prediction_text(prediction: Any) -> str:
    return " ".join(f"{value:.4g}" for value in np.atleast_1d(prediction))
