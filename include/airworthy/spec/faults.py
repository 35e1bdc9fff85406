"""Turning pydantic's errors into faults that name file, key path, what was received and what is allowed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from airworthy.spec.model import ModelSpec


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one spec."""

    file: str
    key: str
    problem: str
    received: object
    allowed: object

    def __str__(self) -> str:
        """Return the fault as three lines: where and what, received, allowed."""
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.problem}\n  received: {self.received}\n  allowed:  {self.allowed}"


def faults_of(path: Path, error: ValidationError) -> list[Fault]:
    """Return a fault for every error of a validation, in the order of the spec's keys."""
    return [_fault(path, details) for details in error.errors()]


def _fault(path: Path, details: ErrorDetails) -> Fault:
    location = tuple(part for part in details["loc"] if part not in {"simulator", "files", "sql"})
    key = _key(location)
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = sorted(_keys_at(location[:-1]))
        guess = difflib.get_close_matches(str(location[-1]), known, n=1)
        problem = "unknown key" + (f"; did you mean {guess[0]!r}?" if guess else "")
        return Fault(str(path), key, problem, _short(details["input"]), ", ".join(known) or "no such key")
    if kind == "missing":
        return Fault(str(path), key, "this key is required", "nothing", _expected(location))
    if kind == "value_error":
        return Fault(str(path), key, str(context.get("error", details["msg"])), _short(details["input"]), "see above")
    return Fault(str(path), key, details["msg"], _short(details["input"]), context.get("expected", details["msg"]))


def _key(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _expected(location: tuple[int | str, ...]) -> str:
    return f"a value for {_key(location)}"


def _keys_at(location: tuple[int | str, ...]) -> set[str]:
    """Return the keys that the part of a spec at this location may have."""
    part: Any = ModelSpec
    for step in location:
        if isinstance(step, int) or not (isinstance(part, type) and issubclass(part, BaseModel)):
            continue
        field = next((f for name, f in part.model_fields.items() if step in (name, f.alias)), None)
        part = _model_in(field.annotation) if field else None
    if not (isinstance(part, type) and issubclass(part, BaseModel)):
        return set()
    return {field.alias or name for name, field in part.model_fields.items()}


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
