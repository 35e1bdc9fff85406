"""Converts pydantic's errors into faults: file, key path, received value and allowed values.

The allowed values are read from the file's JSON Schema at the key. They cannot fall behind the
classes.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from airworthy.masking import masked
from airworthy.spec.schema_location import SchemaLocation, Steps

_PROBLEMS = {
    "missing": "this key is required",
    "string_pattern_mismatch": "the text has the wrong form",
    "literal_error": "this value is not one of the allowed ones",
    "enum": "this value is not one of the allowed ones",
    "too_short": "the list has too few entries",
    "too_long": "the list has too many entries",
    "date_from_datetime_parsing": "there is no such date",
    "date_parsing": "there is no such date",
    "finite_number": "the number must be finite",
    "model_type": "this must be a mapping of keys",
    "model_attributes_type": "this must be a mapping of keys",
    "dict_type": "this must be a mapping of keys",
    "list_type": "this must be a list",
    "string_type": "this must be text",
    "bool_type": "this must be true or false",
    "bool_parsing": "this must be true or false",
    "int_type": "this must be a whole number",
    "int_parsing": "this must be a whole number",
    "int_from_float": "this must be a whole number",
    "float_type": "this must be a number",
    "float_parsing": "this must be a number",
}


@dataclass(frozen=True)
class Fault:
    """One problem of one file."""

    file: str
    key: str
    problem: str
    received: object
    allowed: object

    def __str__(self) -> str:
        """Return the fault as three lines: location and problem, received, allowed."""
        location = f"{self.file}: {self.key}" if self.key else self.file
        text = (
            f"{location}: {self.problem}\n  received: {self.received}\n  allowed:  {self.allowed}"
        )
        # A spec is untrusted text: control characters and surrogates must not reach a terminal.
        return "".join(
            char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text
        )


def faults_of(path: Path, error: ValidationError, schema: dict[str, Any]) -> list[Fault]:
    """Return the faults of all errors of a validation, in the order of the keys.

    Args:
        path: The validated file.
        error: Pydantic's error.
        schema: The JSON Schema of the file.
    """
    return [fault for details in error.errors() for fault in _faults(path, details, schema)]


def key_path(steps: Steps) -> str:
    """Format the path of a key.

    >>> key_path(("evaluate", "gates", 0, "metric"))
    'evaluate.gates[0].metric'
    """
    text = ""
    for step in steps:
        name = f"[{step}]" if isinstance(step, int) else step or "''"  # a key may be empty
        text += name if isinstance(step, int) or not text else f".{name}"
    return text


def did_you_mean(received: object, allowed: list[str]) -> str:
    """Return a hint at the closest allowed name, or an empty text.

    >>> did_you_mean("rmsse", ["mae", "rmse"])
    "; did you mean 'rmse'?"
    """
    matches = difflib.get_close_matches(str(received), allowed, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def shorten(value: object, max_length: int = 120) -> str:
    """Format a received value as JSON (a text with ``repr``), cut at `max_length` characters.

    Secrets in it are masked.
    """
    try:
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    text = masked(text)
    return text if len(text) <= max_length else f"{text[: max_length - 3]}..."


def _faults(path: Path, details: ErrorDetails, schema: dict[str, Any]) -> list[Fault]:
    location = SchemaLocation.at(details["loc"], schema)
    kind, context, received = details["type"], details.get("ctx", {}), details["input"]
    if kind == "airworthy":
        return [
            Fault(
                str(path),
                key_path((*location.steps, *violation.key)),
                violation.problem,
                shorten(violation.received),
                violation.allowed,
            )
            for violation in context["violations"]
        ]
    if kind == "extra_forbidden":
        keys = location.parent_keys
        problem = f"unknown key{did_you_mean(location.steps[-1], keys)}"
        return [
            Fault(
                str(path),
                key_path(location.steps),
                problem,
                shorten(received),
                _join(keys, "no key"),
            )
        ]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return [_type_fault(path, location.steps, location.tags, received)]
    problem = _PROBLEMS.get(kind, details["msg"][:1].lower() + details["msg"][1:])
    if kind == "literal_error" and isinstance(received, str):
        problem += did_you_mean(received, location.choices)
    shown = "nothing" if kind == "missing" else shorten(received)
    return [Fault(str(path), key_path(location.steps), problem, shown, location.allowed)]


def _type_fault(path: Path, steps: Steps, tags: list[str], received: object) -> Fault:
    """Return the fault of a tagged union without a valid ``type``."""
    key, allowed = key_path((*steps, "type")), _join(tags, "no type")
    if not isinstance(received, dict):
        problem = f"this must be a mapping with a `type` of {allowed}"
        return Fault(
            str(path),
            key_path(steps),
            problem,
            shorten(received),
            f"type: {' | '.join(tags)}, and its keys",
        )
    if "type" not in received:
        return Fault(str(path), key, _PROBLEMS["missing"], "nothing", allowed)
    tag = received["type"]
    return Fault(
        str(path), key, f"there is no such type{did_you_mean(tag, tags)}", shorten(tag), allowed
    )


def _join(names: list[str], default: str) -> str:
    return ", ".join(names) or default
