"""Finding and reading specs. A fault never ends in a traceback: it becomes a `SpecError` that lists every fault.

Reading is on the path of every parse of Airflow's DAG files, so it imports nothing heavier than pydantic and PyYAML.
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
    """A spec with one or more faults; each has file, key path, what was received and what is allowed."""

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
class FoundSpec:
    """One model folder: its spec, or the error that says why there is none."""

    path: Path
    spec: ModelSpec | None
    error: SpecError | None


def load_spec(path: Path) -> ModelSpec:
    """Parse and check one ``model.yaml``.

    Args:
        path: The file. Only when it is called ``model.yaml`` must the model's name be its folder's.

    Raises:
        SpecError: listing every fault that was found.
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


def find_specs(models: Path) -> list[FoundSpec]:
    """Read every ``<models>/<name>/model.yaml``, in the order of their names; broken ones carry their error."""
    return [_found(path) for path in sorted(models.glob(f"*/{SPEC_FILE}"))]


def _found(path: Path) -> FoundSpec:
    try:
        return FoundSpec(path, load_spec(path), None)
    except SpecError as error:
        return FoundSpec(path, None, error)
