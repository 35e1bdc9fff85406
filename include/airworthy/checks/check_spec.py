"""Checks specs in full, for ``airworthy check``: all faults, including those of deep checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airworthy.errors import AirworthyError
from airworthy.known_errors import keep_in_temporary_file, known_errors
from airworthy.spec.faults import Fault
from airworthy.spec.loading import SPEC_FILE, SpecError, is_broken_link, load_spec
from airworthy.spec.model_spec import ModelSpec

_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True)
class CheckedSpec:
    """One spec file with all its faults; a valid one has its spec and no fault."""

    path: Path
    spec: ModelSpec | None
    faults: list[Fault]


def spec_files(path: Path) -> list[Path]:
    """Return the spec files below a path, sorted by name.

    The path is a file, a model's folder, or a folder of model folders and spec files at any depth.
    """
    try:
        return _spec_files(path)
    except OSError:
        return [path / SPEC_FILE]  # Reading it names the fault, and the other models are checked.


def _spec_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if (path / SPEC_FILE).exists():
        return [path / SPEC_FILE]
    children = sorted(child for child in path.iterdir() if not child.name.startswith((".", "__")))
    files = [child for child in children if child.suffix in _SUFFIXES and not child.is_dir()]
    folders = [child for child in children if child.is_dir() and not child.is_symlink()]
    links = [child / SPEC_FILE for child in children if _is_link_of_model(child)]
    return [*files, *links, *(spec for folder in folders for spec in spec_files(folder))]


def _is_link_of_model(path: Path) -> bool:
    """Return whether a path is a link to a model's folder, or to nothing.

    Other links are not followed: they may lead back.
    """
    if path.suffix in _SUFFIXES or not path.is_symlink():
        return False
    return is_broken_link(path) or (path / SPEC_FILE).exists()


def check_spec(path: Path, deep: bool = True) -> CheckedSpec:
    """Check one spec file.

    Args:
        path: The file. Beside a ``model.yaml``, a ``features.py`` is required and checked, and a
            ``behaviour.py`` is checked. Beside a file of another name, neither is read.
        deep: Also check with Great Expectations, XGBoost and Polars, if the spec itself is valid.
    """
    try:
        spec = load_spec(path)
    except SpecError as error:
        return CheckedSpec(path, None, error.faults)
    return CheckedSpec(path, spec, _known_faults(path, spec) if deep else [])


def _known_faults(path: Path, spec: ModelSpec) -> list[Fault]:
    """Return the faults of the deep checks. One that cannot be carried out is a fault itself."""
    try:
        with known_errors(keep_in_temporary_file, path.absolute().parent):
            return _deep_faults(path, spec)
    except AirworthyError as error:
        return [
            Fault(
                str(path),
                "",
                f"cannot be checked: {error.problem}",
                error.received or "an error",
                error.next_step or "a model that can be checked",
            )
        ]


def _deep_faults(path: Path, spec: ModelSpec) -> list[Fault]:
    from airworthy.checks.behaviour_file import behaviour_faults
    from airworthy.checks.boosting import parameter_faults
    from airworthy.checks.expectations import expectation_faults
    from airworthy.checks.feature_file import feature_faults, feature_names

    names = feature_names(path, spec) if path.name == SPEC_FILE else []
    faults = [*expectation_faults(str(path), spec), *parameter_faults(str(path), spec, names)]
    return (
        [*faults, *feature_faults(path, spec), *behaviour_faults(path, spec)]
        if path.name == SPEC_FILE
        else faults
    )
