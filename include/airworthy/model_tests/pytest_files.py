"""Runs the ``test_*.py`` beside a model with pytest, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from airworthy.model_tests.part_result import PartResult

PART = "pytest"
_LAST_LINES = 15


@dataclass
class PytestRun:
    """The result of the pytest functions, and the names of those that passed."""

    result: PartResult
    passed: list[str] = field(default_factory=list)

    def tested(self, names: Iterable[str]) -> set[str]:
        """Return the names with a passed function: ``test_NAME``, or ``test_NAME_...``.

        A function counts for the longest name that fits: ``test_hour_sin`` tests ``hour_sin``.
        """
        return {name for each in self.passed if (name := _longest(each, names)) is not None}


def run_pytest(folder: Path, names: Iterable[str] = ()) -> PytestRun:
    """Run every ``test_*.py`` of a model's folder.

    Args:
        folder: The model's folder.
        names: Names of features, to say which of them a failed function tests.
    """
    files = sorted(folder.glob("test_*.py"))
    if not files:
        return PytestRun(PartResult(PART, "pass", "no test_*.py beside the model"))
    if find_spec("pytest") is None:
        failure = "pytest is not installed\nnext: pip install pytest"
        return PytestRun(PartResult(PART, "fail", "", [failure]))
    with tempfile.TemporaryDirectory(prefix="airworthy-pytest-") as scratch:
        return _run(folder.absolute(), files, Path(scratch), list(names))


def _run(folder: Path, files: list[Path], scratch: Path, names: list[str]) -> PytestRun:
    # An empty ini file: settings of the project around the model are for the project's own tests.
    ini, report = scratch / "pytest.ini", scratch / "report.xml"
    ini.write_text("[pytest]\n", encoding="utf-8")
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-c", str(ini)]
    options += [f"--rootdir={folder}", f"--junitxml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(str(file.absolute()) for file in files)],
        # A compiled file in a model's folder would be a change of the model.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    passed, failures = _read(report, names) if report.is_file() else ([], [])
    if done.returncode and not failures:
        failures = ["\n".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])]
    return PytestRun(PartResult.of(PART, failures, f"{len(passed)} functions"), passed)


def _read(report: Path, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of the functions that passed, and a text for each other one."""
    passed, failures = [], []
    # The report is of a process that this one started.
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314
        function = case.get("name", "").partition("[")[0]
        problem = next((each for kind in ("failure", "error") for each in case.iter(kind)), None)
        if problem is not None:
            feature = _longest(function, names)
            subject = f"feature {feature!r}: " if feature else ""
            message = (problem.get("message") or "failed").strip().splitlines()[0]
            failures.append(f"{subject}{case.get('name')}: {message}")
        elif case.find("skipped") is None:
            passed.append(function)
    return passed, failures


def _longest(function: str, names: Iterable[str]) -> str | None:
    fitting = [name for name in names if f"{function}_".startswith(f"test_{name}_")]
    return max(fitting, key=len, default=None)
