"""Checking a spec's expectations with Great Expectations' own classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from airworthy.spec.faults import Fault, did_you_mean, key_path, shorten
from airworthy.spec.model_spec import Expectation, ModelSpec
from airworthy.spec.schema_location import Steps, describe

# Fields of every expectation that are Great Expectations' own bookkeeping, and one that a spec has a key for.
_NOT_ARGUMENTS = {
    "id",
    "rendered_content",
    "batch_id",
    "windows",
    "catch_exceptions",
    "result_format",
    "severity",
}
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


def wrong_expectations(file: str, spec: ModelSpec) -> list[Fault]:
    """Return a fault for every expectation that is unknown, has wrong arguments or reads an undeclared column."""
    if not spec.validate_.expectations:
        return []
    # Great Expectations reports usage to its makers unless told otherwise.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    return [
        fault
        for index, expectation in enumerate(spec.validate_.expectations)
        for fault in _faults(file, ("validate", "expectations", index), expectation, spec)
    ]


def _faults(file: str, at: Steps, expectation: Expectation, spec: ModelSpec) -> Iterator[Fault]:
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    known = sorted(
        name for name in list_registered_expectation_implementations() if name.startswith("expect_")
    )
    if expectation.type not in known:
        problem = (
            f"Great Expectations has no such expectation{did_you_mean(expectation.type, known)}"
        )
        yield Fault(file, key_path((*at, "type")), problem, expectation.type, ", ".join(known))
        return
    yield from _wrong_columns(file, at, expectation, spec)
    yield from _wrong_arguments(file, at, expectation, get_expectation_impl(expectation.type))


def _wrong_columns(
    file: str, at: Steps, expectation: Expectation, spec: ModelSpec
) -> Iterator[Fault]:
    declared = [spec.ingest.event_time, *spec.ingest.columns]
    for argument in _COLUMN_ARGUMENTS:
        given = expectation.arguments.get(argument)
        for name in given if isinstance(given, list) else [given]:
            if isinstance(name, str) and name not in declared:
                problem = (
                    f"this column is not declared in ingest.columns{did_you_mean(name, declared)}"
                )
                yield Fault(file, key_path((*at, argument)), problem, name, ", ".join(declared))


def _wrong_arguments(file: str, at: Steps, expectation: Expectation, kind: Any) -> Iterator[Fault]:
    arguments = sorted(set(kind.__fields__) - _NOT_ARGUMENTS)
    unknown = [name for name in expectation.arguments if name not in arguments]
    for name in unknown:
        problem = f"{expectation.type} has no such argument{did_you_mean(name, arguments)}"
        yield Fault(
            file,
            key_path((*at, name)),
            problem,
            shorten(expectation.arguments[name]),
            ", ".join(arguments),
        )
    given = {name: value for name, value in expectation.arguments.items() if name not in unknown}
    for name, messages in _refusals(kind, given).items():
        steps = at if name == "__root__" else (*at, name)
        received = shorten(given if name == "__root__" else given.get(name, "nothing"))
        allowed = ", ".join(arguments) if name == "__root__" else _allowed(kind, name)
        yield Fault(file, key_path(steps), "; ".join(messages), received, allowed)


def _refusals(kind: Any, given: dict[str, Any]) -> dict[str, list[str]]:
    """Return Great Expectations' own complaints by argument; one about a ``dict`` is about its suite parameters."""
    from pydantic.v1 import ValidationError

    try:
        kind(**given)
    except ValidationError as error:
        complaints = [(str(detail["loc"][0]), str(detail["msg"])) for detail in error.errors()]
    except Exception as error:
        # Some expectations' validators trip over values of a kind that they did not foresee.
        complaints = [("__root__", f"Great Expectations cannot take these arguments: {error}")]
    else:
        return {}
    found: dict[str, list[str]] = {}
    for name, message in complaints:
        messages = found.setdefault(name, [])
        if message not in messages and message != "value is not a valid dict":
            messages.append(message)
    return {name: messages or ["this value cannot be taken"] for name, messages in found.items()}


def _allowed(kind: Any, name: str) -> str:
    schema = kind.schema()["properties"].get(name, {})
    options = schema.get("anyOf") or schema.get("oneOf") or [schema]
    nested = [inner for option in options for inner in option.get("oneOf", [option])]
    plain = [option for option in nested if "$ref" not in option and option.get("type") != "object"]
    words = " or ".join(dict.fromkeys(describe(option, {}) for option in plain)) or "any value"
    return f"{words} ({schema['description'].rstrip('.')})" if schema.get("description") else words
