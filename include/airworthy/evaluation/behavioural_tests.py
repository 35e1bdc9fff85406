"""Trying behavioural tests on a model: which share of the rows breaks each rule, and the row that breaks it most."""

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
    """What one test found.

    Attributes:
        name: The test's name.
        rule: The rule in words.
        rows: How many rows it was tried on.
        violations: How many of them break the rule.
        allowed: Share of rows that may.
        min_rows: With fewer rows the test says nothing.
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
    """Try every test on a model.

    Args:
        tests: By name.
        bundle: The model.
        sample: Raw rows with at least the columns of the bundle's manifest.

    Raises:
        TerminalError: when a test cannot be computed on these rows.
    """
    inputs = bundle.manifest.inputs
    rows = (
        sample.select(list(inputs)) if sample.width else pl.DataFrame(schema=polars_schema(inputs))
    )
    before: Array = bundle.predict(rows)
    found = []
    for name, test in tests.items():
        try:
            found.append(_try(name, test, bundle, rows, before))
        except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
            raise TerminalError(
                f"the behavioural test {name!r} fails: {type(error).__name__}: {error}",
                model=bundle.manifest.model,
                stage="evaluate",
                allowed="columns and values of the declared types",
                next_step=f"airworthy check include/models/{bundle.manifest.model}",
            ) from error
    return found


def _try(
    name: str, test: BehaviouralTest, bundle: ModelBundle, rows: pl.DataFrame, before: Array
) -> BehaviouralResult:
    if isinstance(test, MinimumFunctionality):
        return _minimum(name, test, bundle)
    if test.where is not None:
        chosen = rows.select(test.where.fill_null(value=False).alias("chosen"))["chosen"].to_numpy()
        rows, before = rows.filter(pl.Series(chosen)), before[chosen]
    if rows.is_empty():
        return BehaviouralResult(name, rule_of(test), 0, 0, test.allowed, max(1, test.min_rows))
    after: Array = bundle.predict(changed_rows(rows, test.change, bundle.manifest.inputs))
    excess = _moved(test, bundle, before, after) - test.tolerance
    violated = ~(excess <= 0)  # a prediction that is no number breaks every rule
    example = ""
    if violated.any():
        worst = int(np.nanargmax(np.where(np.isnan(excess), np.inf, excess)))
        example = f"{_row(rows, worst)}: {_shown(before[worst])} became {_shown(after[worst])}"
    return BehaviouralResult(
        name, rule_of(test), len(rows), int(violated.sum()), test.allowed, test.min_rows, example
    )


def _moved(test: Invariance | Direction, bundle: ModelBundle, before: Array, after: Array) -> Array:
    """Return how far each prediction moved in the way that the rule is about, shape (rows,)."""
    if isinstance(test, Invariance):
        moved = np.abs(after - before)
        return np.asarray(moved.max(axis=1) if moved.ndim == 2 else moved)
    sign = 1.0 if test.never == "higher" else -1.0
    return np.asarray(sign * (_of(test.of, bundle, after) - _of(test.of, bundle, before)))


def _minimum(name: str, test: MinimumFunctionality, bundle: ModelBundle) -> BehaviouralResult:
    rows = written_rows(test, bundle.manifest.inputs)
    found = _of(test.of, bundle, bundle.predict(rows)).astype(np.float64)
    low = -np.inf if test.at_least is None else test.at_least
    high = np.inf if test.at_most is None else test.at_most
    violated = ~((found >= low) & (found <= high))
    example = ""
    if violated.any():
        worst = int(
            np.argmax(np.where(np.isnan(found), np.inf, np.maximum(low - found, found - high)))
        )
        example = f"{_row(rows, worst)}: {_shown(found[worst])}"
    return BehaviouralResult(
        name, rule_of(test), len(rows), int(violated.sum()), test.allowed, 1, example
    )


def _of(name: str | None, bundle: ModelBundle, predictions: Array) -> Array:
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
    """Return the rows with columns changed, in their declared types; all changes see the rows as they were."""
    kinds = polars_schema(dict(inputs))
    return rows.with_columns(
        (value if isinstance(value, pl.Expr) else pl.lit(value)).cast(kinds[column]).alias(column)
        for column, value in change.items()
    )


def written_rows(test: MinimumFunctionality, inputs: Mapping[str, ColumnType]) -> pl.DataFrame:
    """Return the cases of a test as raw rows; times without a zone are UTC."""
    kinds = polars_schema(dict(inputs)).items()
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in test.rows], dtype=kind) for name, kind in kinds]
    )


def rule_of(test: BehaviouralTest) -> str:
    """Return the rule in words."""
    if isinstance(test, MinimumFunctionality):
        bounds = (("at least", test.at_least), ("at most", test.at_most))
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    what = " and ".join(test.change)
    if isinstance(test, Invariance):
        return f"changing {what} moves the prediction by at most {test.tolerance:g}"
    slack = f" by more than {test.tolerance:g}" if test.tolerance else ""
    return f"changing {what} never makes the prediction {test.never}{slack}"


def _row(rows: pl.DataFrame, index: int) -> str:
    values = {
        name: value for name, value in rows.row(index, named=True).items() if value is not None
    }
    return ", ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(prediction: Any) -> str:
    return " ".join(f"{value:.4g}" for value in np.atleast_1d(prediction))
