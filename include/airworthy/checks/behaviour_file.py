"""Checks a model's ``behaviour.py``: it loads; its columns and the KPI's function exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.checks.feature_file import sample_frame
from airworthy.errors import TerminalError
from airworthy.spec.faults import Fault, did_you_mean
from airworthy.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from airworthy.behaviour import BehaviouralTest

_TEXTS = ("red", "green", "blue", "amber")


def behaviour_faults(spec_file: Path, spec: ModelSpec) -> list[Fault]:
    """Return every fault of the ``behaviour.py`` beside a spec, and of the spec's use of it.

    The file may be missing.
    """
    from airworthy.behaviour import BEHAVIOUR_FILE, load_behaviour

    path = spec_file.with_name(BEHAVIOUR_FILE)
    try:
        behaviour = load_behaviour(spec_file.parent, spec.model)
    except TerminalError as error:
        problem = error.problem.removeprefix(f"{path}").lstrip(": ")
        return [
            Fault(
                str(path),
                "BEHAVIOUR",
                problem,
                error.received or "nothing that can be used",
                error.allowed,
            )
        ]
    faults = [
        fault
        for name, test in behaviour.tests.items()
        for fault in _test_faults(path, spec, name, test)
    ]
    function = spec.evaluate.kpi.function if spec.evaluate.kpi else None
    if function is None:
        return faults
    try:
        behaviour.function(function)
    except TerminalError as error:
        problem = f"there is no such function in {path.name}"
        faults.append(
            Fault(str(spec_file), "evaluate.kpi.function", problem, function, error.allowed)
        )
    return faults


def _test_faults(path: Path, spec: ModelSpec, name: str, test: BehaviouralTest) -> Iterator[Fault]:
    from airworthy.behaviour import columns_of

    key, inputs = f"BEHAVIOUR[{name!r}]", spec.inputs
    unknown = [column for column in columns_of(test) if column not in inputs]
    if unknown:
        hint = did_you_mean(unknown[0], list(inputs))
        problem = f"this test names a column that a prediction does not have{hint}"
        yield Fault(str(path), key, problem, ", ".join(unknown), ", ".join(inputs))
        return
    yield from _argument_faults(path, key, spec, test)
    message = _sample_error(spec, test)
    if message:
        allowed = "values and expressions of the columns' declared types"
        yield Fault(str(path), key, "this test fails on sample rows", message, allowed)


def _argument_faults(
    path: Path, key: str, spec: ModelSpec, test: BehaviouralTest
) -> Iterator[Fault]:
    """Find tests without a possible failure, a possible pass, or a valid class."""
    from airworthy.behaviour import Invariance, MinimumFunctionality

    if not 0 <= test.allowed < 1:
        yield Fault(
            str(path),
            key,
            "this share can never be broken or never kept",
            f"allowed={test.allowed}",
            "[0, 1)",
        )
    if isinstance(test, MinimumFunctionality):
        low, high = test.at_least, test.at_most
        if (
            not test.rows
            or (low is None and high is None)
            or (low is not None and high is not None and low > high)
        ):
            received = f"{len(test.rows)} rows, at_least={low}, at_most={high}"
            yield Fault(
                str(path),
                key,
                "this test asks nothing that can be kept",
                received,
                "rows, and a range",
            )
    else:
        if not test.change:
            yield Fault(
                str(path), key, "this test changes nothing", "change={}", "at least one column"
            )
        if not test.tolerance >= 0:
            yield Fault(
                str(path),
                key,
                "the tolerance is below 0",
                f"tolerance={test.tolerance}",
                "0 or more",
            )
    if not isinstance(test, Invariance) and (test.of is None) == (spec.task == "multiclass"):
        allowed = (
            "the name of a class"
            if spec.task == "multiclass"
            else "None: there is one prediction a row"
        )
        yield Fault(
            str(path), key, f"`of` does not go with a {spec.task} task", f"of={test.of!r}", allowed
        )


def _sample_error(spec: ModelSpec, test: BehaviouralTest) -> str:
    """Compute the test's rows from sample rows; return the error message, or an empty text."""
    import polars as pl

    from airworthy.behaviour import MinimumFunctionality
    from airworthy.evaluation.behavioural_tests import case_rows, changed_rows

    rows = sample_frame(spec.inputs, _TEXTS)
    try:
        if isinstance(test, MinimumFunctionality):
            case_rows(test, spec.inputs)
            return ""
        changed_rows(rows, test.change, spec.inputs)
        if (
            test.where is not None
            and rows.select(test.where.alias("where"))["where"].dtype != pl.Boolean
        ):
            return "where is no condition"
    except (pl.exceptions.PolarsError, ValueError, TypeError, OverflowError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""
