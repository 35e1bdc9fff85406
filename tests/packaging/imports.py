"""Imports of code, and their installed distributions."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

OWN = ("airworthy", "airworthy_airflow")

Owners = Mapping[str, set[str]]
"""For each module, by its dotted name, the distributions that have a file of it."""


def owners_of_modules() -> Owners:
    """Return the owners of every installed module.

    Packages without an ``__init__.py``, such as ``airflow.providers``, are shared by distributions:
    they have none.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for each in distributions():
        name = canonicalize_name(each.name)
        for line in (each.read_text("RECORD") or "").splitlines():
            path, _hash, _size = line.rsplit(",", 2)
            if path.endswith((".py", ".so")):
                module = path.partition(".")[0].removesuffix("/__init__").replace("/", ".")
                owners[module].add(name)
    return owners


def third_party_imports(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each import of a third party's module: the file and the dotted name."""
    for path in sorted(folder.rglob("*.py")):
        for name in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            if name.split(".")[0] not in {*sys.stdlib_module_names, *OWN}:
                yield path, name


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def owners_of(name: str, owners: Owners) -> set[str]:
    """Return the distributions behind an imported name: those of its longest prefix with a file."""
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((owners[prefix] for prefix in prefixes if prefix in owners), set())


def with_pinned_parts(requirements: Iterable[str]) -> set[str]:
    """Return the names of distributions, and of the distributions pinned by them: their own parts."""
    collected: set[str] = set()
    waiting = [canonicalize_name(Requirement(each).name) for each in requirements]
    while waiting:
        name = waiting.pop()
        if name not in collected:
            collected.add(name)
            waiting += _pinned_by(name)
    return collected


def _pinned_by(name: str) -> list[NormalizedName]:
    needed = [Requirement(each) for each in distribution(name).requires or ()]
    return [
        canonicalize_name(each.name)
        for each in needed
        if [bound.operator for bound in each.specifier] == ["=="]
        and (each.marker is None or each.marker.evaluate({"extra": ""}))
    ]
