"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(
    path.relative_to(folder.parent).with_suffix("")
    for folder in (PROJECT / "include/airworthy", PROJECT / "plugins/airworthy_airflow")
    for path in folder.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_each_example_gives_its_output(path: Path) -> None:
    """Every example of a module runs, and each module listed here has at least one."""
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    failed, attempted = doctest.testmod(import_module(".".join(parts)))
    assert (failed, attempted > 0) == (0, True)


def test_there_are_examples() -> None:
    """The test above has modules to run."""
    assert len(EXAMPLES) >= 5
