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
        ("requirements-core.txt", CORE),
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


@pytest.mark.parametrize(
    "lock", ["requirements-core.txt", "requirements.txt", "requirements-distributed.txt"]
)
def test_images_get_the_versions_that_tests_ran_with_and_no_development_tool(lock: str) -> None:
    """The locks of images are parts of the lock of development. A library may need setuptools."""
    image, development = (_locked(name) for name in (lock, "requirements-dev.txt"))
    assert image.items() <= development.items()
    assert image.keys() & {"hypothesis", "mypy", "pytest", "ruff", "uv"} == set()


def test_images_of_the_core_have_no_airflow() -> None:
    """Stages and the model server run without it."""
    assert [name for name in _locked("requirements-core.txt") if "airflow" in name] == []


@pytest.mark.parametrize("lock", sorted(path.name for path in PROJECT.glob("requirements*.txt")))
def test_every_pin_has_the_hashes_of_its_files(lock: str) -> None:
    """An index that hands out another file is refused."""
    pins = [line for line in _lines(lock) if not line.startswith(" ")]
    assert [line for line in pins if not line.endswith("\\")] == []
    assert sum(line.startswith("    --hash=sha256:") for line in _lines(lock)) >= len(pins) > 0


def _names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def _locked(name: str) -> dict[str, frozenset[str]]:
    """Return the locked versions of each distribution: more than one where they differ between
    Pythons.
    """
    pins = [line.rstrip(" \\") for line in _lines(name) if not line.startswith(" ")]
    result: dict[str, frozenset[str]] = {}
    for pin in map(Requirement, pins):
        versions = frozenset(bound.version for bound in pin.specifier)
        result[canonicalize_name(pin.name)] = (
            result.get(canonicalize_name(pin.name), frozenset()) | versions
        )
    return result


def _lines(lock: str) -> list[str]:
    """Return a lock's lines without comments: each pin, then its hashes, indented."""
    lines = (PROJECT / lock).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]
