"""Compares features with the values expected in ``tests.yaml``, and counts what is covered."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import Any

from airworthy.errors import AirworthyError
from airworthy.features import load_expressions
from airworthy.model_tests.feature_values import compute_features
from airworthy.model_tests.part_result import PartResult
from airworthy.model_tests.tests_file import TESTS_FILE, FeatureRow, ModelTests
from airworthy.spec.model_spec import ModelSpec

PART = "features"


def feature_tests(folder: Path, spec: ModelSpec, tests: ModelTests, tested: set[str]) -> PartResult:
    """Run the feature rows of a ``tests.yaml``.

    A feature without a test fails. A test is an expected value other than null, or a pytest
    function.

    Args:
        folder: The model's folder.
        spec: The model's spec.
        tests: The tests.
        tested: The features that passed a pytest function.
    """
    try:
        names = list(load_expressions(folder / "features.py", spec.model))
        computed = compute_features(folder, spec, [each.row for each in tests.features])
    except AirworthyError as error:
        return PartResult(PART, "fail", "", [str(error)])
    failures = [
        failure
        for number, (expected, values) in enumerate(
            zip(tests.features, computed, strict=True), start=1
        )
        for failure in _failures(number, expected, values)
    ]
    uncovered = [name for name in names if name not in tested | _covered(tests)]
    failures += [
        f"feature {name!r} has no test: expect a value of it in {TESTS_FILE}, or write "
        f"test_{name} in a test_*.py"
        for name in uncovered
    ]
    return PartResult.of(PART, failures, f"{len(names)} features, {len(tests.features)} rows")


def _covered(tests: ModelTests) -> set[str]:
    return {
        name for each in tests.features for name, value in each.expect.items() if value is not None
    }


def _failures(number: int, expected: FeatureRow, values: dict[str, Any]) -> Iterator[str]:
    for name, value in expected.expect.items():
        if name not in values:
            yield f"feature {name!r}: row {number}: there is no such feature"
        elif not _agrees(values[name], value, expected.tolerance):
            yield (
                f"feature {name!r}: row {number}: expected {_text(value)}, got "
                f"{_text(values[name])}"
            )


def _agrees(value: Any, expected: Any, tolerance: float) -> bool:
    """Compare in kind and value: true is not 1, and 3 is not "3"; NaN is a missing value."""
    if _is_missing(value) or expected is None:
        return _is_missing(value) and expected is None
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, int | float) and isinstance(expected, int | float):
        return abs(value - expected) <= tolerance
    return bool(value == expected)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))


def _text(value: Any) -> str:
    return "a missing value" if _is_missing(value) else repr(value)
