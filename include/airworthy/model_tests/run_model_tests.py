"""Runs everything that belongs to one model, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airworthy.checks.check_spec import check_spec
from airworthy.checks.check_warnings import find_warnings
from airworthy.environment import Environment
from airworthy.model_tests.delivery import BEHAVIOUR, DELIVERY, deliver_sample
from airworthy.model_tests.feature_tests import feature_tests
from airworthy.model_tests.kpi_tests import kpi_tests
from airworthy.model_tests.part_result import PartResult
from airworthy.model_tests.pytest_files import run_pytest
from airworthy.model_tests.tests_file import ModelTests, TestsFileError, load_tests
from airworthy.spec.evaluate_part import KPI
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.model_spec import ModelSpec

CHECK = "check"
_LATER = ("pytest", "features", KPI, DELIVERY, BEHAVIOUR)


def run_model_tests(
    folder: Path, environment: Environment, deliver: bool = True
) -> Iterator[PartResult]:
    """Run a model's tests and yield each part's result as soon as it is known.

    The parts are ``airworthy check --strict``, ``test_*.py``, the features and the KPI by
    ``tests.yaml``, a whole delivery, and ``behaviour.py`` on the model that it trained. After a
    failure nothing is delivered.

    Args:
        folder: The model's folder.
        environment: The environment.
        deliver: Also run the delivery.
    """
    spec, checked = _check(folder, environment)
    yield checked
    if spec is None:
        yield from (PartResult(part, "not run", "the spec is broken") for part in _LATER)
        return
    try:
        tests = load_tests(folder)
    except TestsFileError as error:
        yield PartResult("features", "fail", "", [error.problem])
        return
    results = [checked, *_quick(folder, spec, tests)]
    yield from results[1:]
    failed = any(result.outcome == "fail" for result in results)
    if failed or not deliver:
        words = "after the failures above" if failed else "not asked for"
        yield from (PartResult(part, "not run", words) for part in (DELIVERY, BEHAVIOUR))
        return
    of_model = environment.model_copy(update={"models": folder.absolute().parent})
    yield from deliver_sample(spec, of_model, tests.delivery)


def _check(folder: Path, environment: Environment) -> tuple[ModelSpec | None, PartResult]:
    path = folder / SPEC_FILE
    checked = check_spec(path)
    if checked.spec is None or checked.faults:
        return None, PartResult.of(CHECK, [str(fault) for fault in checked.faults], "")
    found = find_warnings(path, checked.spec, environment)
    words = "; ".join(["strict", *(f"not measured: {reason}" for reason in found.unmeasured)])
    failures = [str(warning) for warning in found.warnings]
    return checked.spec, PartResult.of(CHECK, failures, words)


def _quick(folder: Path, spec: ModelSpec, tests: ModelTests) -> Iterator[PartResult]:
    """Run the parts that train nothing."""
    from airworthy.features import load_expressions

    names = list(load_expressions(folder / "features.py", spec.model))
    run = run_pytest(folder, names)
    yield run.result
    yield feature_tests(folder, spec, tests, run.tested(names))
    kpi = spec.evaluate.kpi
    functions = [KPI, *([kpi.function] if kpi and kpi.function else [])]
    yield kpi_tests(folder, spec, tests.kpi, bool(run.tested(functions)))
