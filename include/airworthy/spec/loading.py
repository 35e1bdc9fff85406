"""Finding and reading specs. A fault never ends in a traceback: it becomes a `SpecError` that lists every fault.

Reading is on the path of every parse of Airflow's DAG files, so it imports nothing heavier than pydantic and PyYAML.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from airworthy.errors import TerminalError
from airworthy.spec.faults import Fault, faults_of
from airworthy.spec.model import ModelSpec

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SpecError(TerminalError):
    """A spec with one or more faults; each has file, key path, what was received and what is allowed."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        """Keep the faults; the message is one block per fault."""
        super().__init__("\n".join(str(fault) for fault in faults), next_step=f"edit {path}, then: airworthy check")
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

    Raises:
        SpecError: listing every fault that was found.
    """
    content = _read_yaml(path)
    try:
        spec = ModelSpec.model_validate(content)
    except ValidationError as error:
        raise SpecError(path, faults_of(path, error)) from None
    if spec.model != path.parent.name:
        fault = Fault(str(path), "model", "the model's name must be its folder's name", spec.model, path.parent.name)
        raise SpecError(path, [fault])
    return spec


def find_specs(models: Path) -> list[FoundSpec]:
    """Read every ``<models>/<name>/model.yaml``, in the order of their names; broken ones carry their error."""
    return [_found(path) for path in sorted(models.glob("*/model.yaml"))]


def _found(path: Path) -> FoundSpec:
    try:
        return FoundSpec(path, load_spec(path), None)
    except SpecError as error:
        return FoundSpec(path, None, error)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise SpecError(path, [Fault(str(path), "", "there is no such spec", "nothing", "a model.yaml")]) from None
    except UnicodeDecodeError as error:
        raise SpecError(path, [Fault(str(path), "", "the file is not UTF-8 text", str(error), "UTF-8")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise SpecError(path, [Fault(str(path), where, "the file is not valid YAML", problem, "YAML 1.1")]) from None
    if not isinstance(content, dict):
        received = type(content).__name__ if content is not None else "an empty file"
        raise SpecError(path, [Fault(str(path), "", "a spec is a mapping of keys", received, "model: ...")])
    return content
