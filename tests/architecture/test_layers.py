"""The layers hold: no circle of imports, functions' imports counted, and docs/design.md shows
the contract.
"""

from __future__ import annotations

import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("airworthy", "airworthy_airflow")
LONGEST_CHAIN = 18
"""Packages that one import of the command line can pass through, one floor after another."""


@pytest.fixture(scope="module", params=PACKAGES)
def graph(request: pytest.FixtureRequest) -> tuple[str, grimp.ImportGraph]:
    """One of our packages and its imports, those inside functions among them."""
    return request.param, grimp.build_graph(request.param, cache_dir=None)


def _packages(root: str, graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Return package -> the packages it imports; a module at the top counts as a package."""
    packages: dict[str, set[str]] = {}
    for module in graph.modules - {root}:
        package = module.split(".")[1]
        imported = {
            each.split(".")[1]
            for each in graph.find_modules_directly_imported_by(module)
            if each != root
        }
        packages.setdefault(package, set()).update(imported - {package})
    return packages


def _longest_chain(imports: dict[str, set[str]]) -> list[str]:
    chains: dict[str, list[str]] = {}
    for package in TopologicalSorter(imports).static_order():
        below = (chains[each] for each in imports[package])
        chains[package] = [package, *max(below, key=len, default=[])]
    return max(chains.values(), key=len)


def test_no_package_imports_itself_through_others(graph: tuple[str, grimp.ImportGraph]) -> None:
    """There is no circle of packages."""
    try:
        TopologicalSorter(_packages(*graph)).prepare()
    except CycleError as error:
        pytest.fail(f"circle of packages: {' -> '.join(error.args[1])}")


def test_no_module_imports_itself_through_others(graph: tuple[str, grimp.ImportGraph]) -> None:
    """There is no circle of modules inside a package either; a package's `__init__` counts as a
    module.
    """
    _, imports = graph
    modules = {each: imports.find_modules_directly_imported_by(each) for each in imports.modules}
    try:
        TopologicalSorter(modules).prepare()
    except CycleError as error:
        pytest.fail(f"circle of modules: {' -> '.join(error.args[1])}")


def test_the_longest_chain_of_imports_is_the_one_that_is_stated() -> None:
    """docs/design.md states the longest chain; another package in it is a decision, and no
    accident.
    """
    chain = _longest_chain(_packages("airworthy", grimp.build_graph("airworthy", cache_dir=None)))
    assert len(chain) == LONGEST_CHAIN, " -> ".join(chain)
    design = (PROJECT / "docs" / "design.md").read_text(encoding="utf-8")
    assert f"longest chain of imports passes {LONGEST_CHAIN} packages" in design


def test_the_map_in_the_design_is_the_contract() -> None:
    """The map of the code in docs/design.md has the layers of pyproject.toml, from the top to the ground."""
    config = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    design = (PROJECT / "docs" / "design.md").read_text(encoding="utf-8")
    for package in PACKAGES:
        layers = next(each["layers"] for each in contracts if each.get("containers") == [package])
        block = re.search(rf"<!-- layers of {package} -->\n```\n(.*?)```", design, re.DOTALL)
        assert block is not None, f"docs/design.md lacks the map of {package}"
        assert [line.split("#")[0].strip() for line in block[1].splitlines()] == layers
