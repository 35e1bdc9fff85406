"""Turning pydantic's errors into faults that name file, key path, what was received and what is allowed.

What is allowed is read from the file's JSON Schema at the key's place, so it cannot fall behind the classes.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

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
    """One thing wrong with one file."""

    file: str
    key: str
    problem: str
    received: object
    allowed: object

    def __str__(self) -> str:
        """Return the fault as three lines: where and what, received, allowed."""
        where = f"{self.file}: {self.key}" if self.key else self.file
        text = f"{where}: {self.problem}\n  received: {self.received}\n  allowed:  {self.allowed}"
        # A spec is anybody's text: control characters and half characters must not reach a terminal.
        return "".join(
            char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text
        )


def faults_of(path: Path, error: ValidationError, schema: dict[str, Any]) -> list[Fault]:
    """Return the faults behind every error of a validation, in the order of the keys; `schema` is the file's."""
    return [fault for details in error.errors() for fault in _faults(path, details, schema)]


def key_path(steps: Steps) -> str:
    """Write a key's path as people do: ``evaluate.gates[0].metric``."""
    text = ""
    for step in steps:
        name = f"[{step}]" if isinstance(step, int) else step or "''"  # a key may be an empty text
        text += name if isinstance(step, int) or not text else f".{name}"
    return text


def did_you_mean(received: object, known: list[str]) -> str:
    """Return ``; did you mean 'x'?`` when something known is close, else nothing."""
    guess = difflib.get_close_matches(str(received), known, n=1)
    return f"; did you mean {guess[0]!r}?" if guess else ""


def shorten(value: object, most: int = 120) -> str:
    """Write a received value on one line of at most `most` characters, as YAML or JSON would."""
    try:
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _faults(path: Path, details: ErrorDetails, schema: dict[str, Any]) -> list[Fault]:
    location = SchemaLocation.at(details["loc"], schema)
    kind, context, received = details["type"], details.get("ctx", {}), details["input"]
    if kind == "airworthy":
        return [
            Fault(
                str(path),
                key_path((*location.steps, *rule.key)),
                rule.problem,
                shorten(rule.received),
                rule.allowed,
            )
            for rule in context["wrong"]
        ]
    if kind == "extra_forbidden":
        known = location.parent_keys
        problem = f"unknown key{did_you_mean(location.steps[-1], known)}"
        return [
            Fault(
                str(path),
                key_path(location.steps),
                problem,
                shorten(received),
                _listed(known, "no key"),
            )
        ]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return [_untagged(path, location.steps, location.tags, received)]
    problem = _PROBLEMS.get(kind, details["msg"][:1].lower() + details["msg"][1:])
    if kind == "literal_error" and isinstance(received, str):
        problem += did_you_mean(received, location.choices)
    shown = "nothing" if kind == "missing" else shorten(received)
    return [Fault(str(path), key_path(location.steps), problem, shown, location.allowed)]


def _untagged(path: Path, steps: Steps, tags: list[str], received: object) -> Fault:
    key, allowed = key_path((*steps, "type")), _listed(tags, "no type")
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
    given = received["type"]
    return Fault(
        str(path), key, f"there is no such type{did_you_mean(given, tags)}", shorten(given), allowed
    )


def _listed(names: list[str], otherwise: str) -> str:
    return ", ".join(names) or otherwise
