"""Each promise names its tests, and they are there."""

from __future__ import annotations

import re
from itertools import product

from .pages import PROJECT

PAGE = PROJECT / "docs" / "explanation" / "promises.md"
ROW = re.compile(r"^\| (.+) \| (`.+`) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def test_each_promise_names_a_test_that_exists() -> None:
    """A path, or a file beside the one before it; a benchmark; a target or a command that measures."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 40
    missing = [
        (promise[:60], name)
        for promise, tests in rows
        for name in _paths(CODE.findall(tests))
        if not all((PROJECT / path).exists() for path in _spelt_out(name))
    ]
    assert missing == []
    for promise, tests in rows:
        assert any(path.startswith(("tests/", "airworthy ")) for path in CODE.findall(tests)), (
            promise
        )


def _paths(names: list[str]) -> list[str]:
    """Return the files of a row; a name without a folder is in the folder of the first one."""
    folder = names[0].rpartition("/")[0]
    files = [name for name in names if not name.startswith(("make ", "airworthy "))]
    return [name if "/" in name else f"{folder}/{name}" for name in files]


def _spelt_out(name: str) -> list[str]:
    """Return the paths of a name with `{a,b}`; the test wants all of them to be there."""
    parts = re.split(r"\{(.+?)\}", name)
    choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
    return ["".join(each) for each in product(*choices)]
