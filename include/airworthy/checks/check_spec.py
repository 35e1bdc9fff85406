"""Checking specs in full: every fault of every spec, the deep ones included. What ``airworthy check`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airworthy.spec.faults import Fault
from airworthy.spec.loading import SPEC_FILE, SpecError, load_spec
from airworthy.spec.model_spec import ModelSpec

_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True)
class CheckedSpec:
    """One spec file with all its faults; a healthy one has its spec and none."""

    path: Path
    spec: ModelSpec | None
    faults: list[Fault]


def specs_in(path: Path) -> list[Path]:
    """Return the spec files that a path names, in the order of their names.

    Args:
        path: A file; a model's folder; or a folder of model folders and of spec files, at any depth.
    """
    if not path.is_dir():
        return [path]
    if (path / SPEC_FILE).exists():
        return [path / SPEC_FILE]
    inside = sorted(found for found in path.iterdir() if not found.name.startswith((".", "__")))
    files = [found for found in inside if found.suffix in _SUFFIXES and not found.is_dir()]
    folders = [found for found in inside if found.is_dir() and not found.is_symlink()]
    return [*files, *(spec for folder in folders for spec in specs_in(folder))]


def check_spec(path: Path, deep: bool = True) -> CheckedSpec:
    """Check one spec file.

    Args:
        path: The file. Only beside a ``model.yaml`` is a ``features.py`` expected, and checked, and a
            ``behaviour.py`` checked.
        deep: Also ask Great Expectations, XGBoost and Polars; only a spec that is whole can be asked about.
    """
    try:
        spec = load_spec(path)
    except SpecError as error:
        return CheckedSpec(path, None, error.faults)
    return CheckedSpec(path, spec, _deep_faults(path, spec) if deep else [])


def _deep_faults(path: Path, spec: ModelSpec) -> list[Fault]:
    from airworthy.checks.behaviour_file import wrong_behaviour
    from airworthy.checks.boosting import wrong_parameters
    from airworthy.checks.expectations import wrong_expectations
    from airworthy.checks.feature_file import wrong_features

    faults = [*wrong_expectations(str(path), spec), *wrong_parameters(str(path), spec)]
    return (
        [*faults, *wrong_features(path, spec), *wrong_behaviour(path, spec)]
        if path.name == SPEC_FILE
        else faults
    )
