"""Checks a spec's expectations with Great Expectations' own classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from airworthy.spec.faults import Fault, did_you_mean, key_path, shorten
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.schema_location import Steps, describe
from airworthy.spec.validate_part import Expectation

# Internal fields of every expectation, and `severity`: the spec has its own key for it.
_NOT_ARGUMENTS = {
    "id",
    "rendered_content",
    "batch_id",
    "windows",
    "catch_exceptions",
    "result_format",
    "severity",
}
_KEY: Steps = ("validate", "expectations")
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


def expectation_faults(file: str, spec: ModelSpec) -> list[Fault]:
    """Return a fault for every unknown expectation, wrong argument and undeclared column."""
    if not spec.validate_.expectations:
        return []
    # Great Expectations sends usage statistics by default.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    faults = [
        fault
        for index, expectation in enumerate(spec.validate_.expectations)
        for fault in _faults(file, (*_KEY, index), expectation, spec)
    ]
    return faults or list(_evaluation_faults(file, spec))


def _evaluation_faults(file: str, spec: ModelSpec) -> Iterator[Fault]:
    """Evaluate each expectation on sample rows of the declared types, as validate does."""
    from airworthy.checks.feature_file import TEXTS, sample_frame
    from airworthy.lake.conform import declared_columns
    from airworthy.validation.suite import Suite

    frame = sample_frame(declared_columns(spec.ingest), TEXTS[0])
    failures = Suite(spec.model, spec.validate_.expectations).failures(frame)
    for index, message in failures.items():
        expectation = spec.validate_.expectations[index]
        yield Fault(
            file,
            key_path((*_KEY, index)),
            f"Great Expectations cannot evaluate it on rows of the declared types: {message}",
            f"{expectation.type} {shorten(expectation.arguments)}",
            "an expectation that works on its columns' types",
        )


def _faults(file: str, key: Steps, expectation: Expectation, spec: ModelSpec) -> Iterator[Fault]:
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    types = sorted(
        name for name in list_registered_expectation_implementations() if name.startswith("expect_")
    )
    if expectation.type not in types:
        hint = did_you_mean(expectation.type, types)
        problem = f"Great Expectations has no such expectation{hint}"
        yield Fault(file, key_path((*key, "type")), problem, expectation.type, ", ".join(types))
        return
    yield from _column_faults(file, key, expectation, spec)
    yield from _argument_faults(file, key, expectation, get_expectation_impl(expectation.type))


def _column_faults(
    file: str, key: Steps, expectation: Expectation, spec: ModelSpec
) -> Iterator[Fault]:
    declared = [spec.ingest.event_time, *spec.ingest.columns]
    for argument in _COLUMN_ARGUMENTS:
        value = expectation.arguments.get(argument)
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name not in declared:
                problem = (
                    f"this column is not declared in ingest.columns{did_you_mean(name, declared)}"
                )
                yield Fault(file, key_path((*key, argument)), problem, name, ", ".join(declared))


def _argument_faults(
    file: str, key: Steps, expectation: Expectation, expectation_class: Any
) -> Iterator[Fault]:
    names = sorted(set(expectation_class.__fields__) - _NOT_ARGUMENTS)
    unknown = [name for name in expectation.arguments if name not in names]
    for name in unknown:
        problem = f"{expectation.type} has no such argument{did_you_mean(name, names)}"
        received = shorten(expectation.arguments[name])
        yield Fault(file, key_path((*key, name)), problem, received, ", ".join(names))
    values = {name: value for name, value in expectation.arguments.items() if name not in unknown}
    for name, value in values.items():
        if isinstance(value, dict) and "$PARAMETER" in value:
            problem = "there are no suite parameters here"
            yield Fault(file, key_path((*key, name)), problem, shorten(value), "the value itself")
            return
    for name, messages in _refusals(expectation_class, values).items():
        steps = key if name == "__root__" else (*key, name)
        received = shorten(values if name == "__root__" else values.get(name, "nothing"))
        allowed = ", ".join(names) if name == "__root__" else _allowed(expectation_class, name)
        yield Fault(file, key_path(steps), "; ".join(messages), received, allowed)


def _refusals(expectation_class: Any, values: dict[str, Any]) -> dict[str, list[str]]:
    """Return Great Expectations' own error messages by argument.

    A message about a ``dict`` is dropped: it is about the form of a suite parameter.
    """
    from pydantic.v1 import ValidationError

    try:
        expectation_class(**values)
    except ValidationError as error:
        errors = [(str(detail["loc"][0]), str(detail["msg"])) for detail in error.errors()]
    except Exception as error:
        # Validators of some expectations fail on values of an unexpected type.
        errors = [("__root__", f"Great Expectations cannot take these arguments: {error}")]
    else:
        return {}
    by_name: dict[str, list[str]] = {}
    for name, message in errors:
        messages = by_name.setdefault(name, [])
        if message not in messages and message != "value is not a valid dict":
            messages.append(message)
    return {name: messages or ["this value cannot be taken"] for name, messages in by_name.items()}


def _allowed(expectation_class: Any, name: str) -> str:
    schema = expectation_class.schema()["properties"].get(name, {})
    options = schema.get("anyOf") or schema.get("oneOf") or [schema]
    nested = [inner for option in options for inner in option.get("oneOf", [option])]
    plain = [option for option in nested if "$ref" not in option and option.get("type") != "object"]
    words = " or ".join(dict.fromkeys(describe(option, {}) for option in plain)) or "any value"
    return f"{words} ({schema['description'].rstrip('.')})" if schema.get("description") else words
