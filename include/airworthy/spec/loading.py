"""Finds and loads specs. A `SpecError` lists every fault; no fault ends in a traceback.

Every parse of Airflow's DAG files loads specs. This module imports nothing heavier than pydantic
and PyYAML.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from airworthy.errors import TerminalError
from airworthy.spec.faults import Fault, faults_of
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.read_yaml import UnreadableError, read_mapping
from airworthy.spec.spec_schema import spec_schema

SPEC_FILE = "model.yaml"


class SpecError(TerminalError):
    """A spec with one or more faults, each with file, key path, received and allowed values."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        """Keep the faults; the message is one block per fault."""
        super().__init__(
            "\n".join(str(fault) for fault in faults),
            next_step=f"edit {path}, then: airworthy check",
        )
        self.path = path
        self.faults = faults

    def __str__(self) -> str:
        """Return one block per fault, and the next command."""
        return f"{self.problem}\n  next:     {self.next_step}"


@dataclass(frozen=True)
class SpecFolder:
    """One model folder: its spec, or the error of loading it."""

    path: Path
    spec: ModelSpec | None
    error: SpecError | None


def load_spec(path: Path) -> ModelSpec:
    """Parse and check one spec file.

    In a ``model.yaml``, the model's name must be its folder's name.

    Raises:
        SpecError: with all faults of the file.
    """
    try:
        spec = ModelSpec.model_validate(read_mapping(path))
    except UnreadableError as error:
        raise SpecError(path, error.faults) from None
    except ValidationError as error:
        raise SpecError(path, faults_of(path, error, spec_schema())) from None
    folder = path.absolute().parent.name
    if path.name == SPEC_FILE and spec.model != folder:
        problem = "the model's name must be its folder's name"
        raise SpecError(path, [Fault(str(path), "model", problem, spec.model, folder)])
    return spec


def find_specs(models: Path) -> list[SpecFolder]:
    """Load every ``<models>/<name>/model.yaml``, sorted by name; a broken one has its error."""
    return [_load_folder(path) for path in spec_paths(models)]


def spec_paths(models: Path) -> list[Path]:
    """Return the ``model.yaml`` of every model folder, sorted by name.

    Those of folders that may not be read, and of links to nowhere, are among them: loading names
    the fault. Without a folder there are none.
    """
    if not models.is_dir():
        return []
    folders = [child for child in models.iterdir() if child.is_symlink() or child.is_dir()]
    return sorted(child / SPEC_FILE for child in folders if _may_have_spec(child))


def _may_have_spec(folder: Path) -> bool:
    try:
        return (folder / SPEC_FILE).exists() or is_broken_link(folder)
    except OSError:
        return True


def is_broken_link(path: Path) -> bool:
    """Return whether a path is a link to nothing, or to itself."""
    return path.is_symlink() and not path.exists()


def _load_folder(path: Path) -> SpecFolder:
    try:
        return SpecFolder(path, load_spec(path), None)
    except SpecError as error:
        return SpecFolder(path, None, error)
