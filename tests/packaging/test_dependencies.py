"""The metadata name the code's needs, and no more."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.packaging.imports import (
    Owners,
    owners_of,
    owners_of_modules,
    third_party_imports,
    with_pinned_parts,
)

PROJECT = Path(__file__).resolve().parents[2]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = METADATA["project"]["dependencies"]
AIRFLOW = METADATA["project"]["optional-dependencies"]["airflow"]
DISTRIBUTED = METADATA["project"]["optional-dependencies"]["distributed"]
DEVELOPMENT = METADATA["dependency-groups"]["dev"]


@pytest.fixture(scope="module")
def owners() -> Owners:
    """The distributions of every installed module."""
    return owners_of_modules()


@pytest.mark.parametrize(
    ("folder", "requirements"),
    [
        ("include/airworthy", CORE),
        ("plugins/airworthy_airflow", [*CORE, *AIRFLOW]),
        ("dags", [*CORE, *AIRFLOW]),
    ],
)
def test_every_import_comes_from_a_declared_dependency(
    folder: str, requirements: list[str], owners: Owners
) -> None:
    """Nothing is there by luck, because something else happens to need it; the core does without
    the extra.
    """
    declared = with_pinned_parts(requirements)
    missing = {
        f"{path.relative_to(PROJECT)}: {name} (of {', '.join(sorted(of)) or 'nothing that is installed'})"
        for path, name in third_party_imports(PROJECT / folder)
        if not (of := owners_of(name, owners)) & declared
    }
    assert missing == set()


@pytest.mark.parametrize("folder", ["include", "plugins", "dags", "infra/airflow"])
def test_no_development_tool_is_imported_by_code_that_runs(folder: str, owners: Owners) -> None:
    """An image and a user's environment do without them."""
    tools = _names(DEVELOPMENT)
    imported = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path, name in third_party_imports(PROJECT / folder)
        if owners_of(name, owners) & tools
    }
    assert imported == set()


def test_development_tools_are_no_dependencies() -> None:
    """Runtime and development requirements are apart."""
    assert _names(DEVELOPMENT) & _names([*CORE, *AIRFLOW]) == set()


@pytest.mark.parametrize(
    ("lock", "needed"),
    [
        ("requirements.txt", [*CORE, *AIRFLOW]),
        ("requirements-distributed.txt", [*CORE, *AIRFLOW, *DISTRIBUTED]),
        ("requirements-dev.txt", [*CORE, *AIRFLOW, *DISTRIBUTED, *DEVELOPMENT]),
    ],
)
def test_a_lock_pins_everything_that_is_declared_within_its_bounds(
    lock: str, needed: list[str]
) -> None:
    """`make lock` was run after the last change of pyproject.toml."""
    locked = _locked(lock)
    outside = [
        each
        for each in map(Requirement, needed)
        if not any(
            each.specifier.contains(version)
            for version in locked.get(canonicalize_name(each.name), ())
        )
    ]
    assert outside == []


def test_images_get_the_versions_that_tests_ran_with_and_no_development_tool() -> None:
    """The lock of images is a part of the lock of development."""
    image, development = (_locked(name) for name in ("requirements.txt", "requirements-dev.txt"))
    assert image.items() <= development.items()
    assert image.keys() & {"hypothesis", "mypy", "pytest", "ruff", "setuptools"} == set()


def _names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def _locked(name: str) -> dict[str, frozenset[str]]:
    """Return the locked versions of each distribution: more than one where they differ between
    Pythons.
    """
    lines = (PROJECT / name).read_text(encoding="utf-8").splitlines()
    result: dict[str, frozenset[str]] = {}
    for pin in (Requirement(line) for line in lines if not line.startswith("#")):
        versions = frozenset(bound.version for bound in pin.specifier)
        result[canonicalize_name(pin.name)] = (
            result.get(canonicalize_name(pin.name), frozenset()) | versions
        )
    return result
