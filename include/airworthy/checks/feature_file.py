"""Checks a model's ``features.py``: it loads, and reads only one row of a prediction's columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError
from airworthy.spec.faults import Fault, did_you_mean
from airworthy.spec.fields import ColumnType
from airworthy.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import polars as pl

SAMPLE_ROWS = 24
_MISSING_EVERY = 7
TEXTS = (
    ("red", "green", "blue", "amber"),
    ("7", "42", "13", "101"),
    ("2025-01-31", "2025-02-28", "2024-02-29"),
)


def feature_faults(spec_file: Path, spec: ModelSpec) -> list[Fault]:
    """Return every fault of a spec's ``features.py``, and of the spec's references to features."""
    from airworthy.features import load_expressions

    path = spec_file.with_name("features.py")
    try:
        expressions = load_expressions(path, spec.model)
    except TerminalError as error:
        problem = (
            error.problem.removeprefix(f"{path} ")
            if path.is_file()
            else "a model needs a features.py"
        )
        return [
            Fault(
                str(path),
                "FEATURES",
                problem,
                error.received or "nothing that can be used",
                error.allowed,
            )
        ]
    faults = [
        fault
        for name in expressions
        for fault in _feature_faults(path, spec, name, expressions[name])
    ]
    return [*faults, *_baseline_faults(str(spec_file), spec, list(expressions))]


def feature_names(spec_file: Path, spec: ModelSpec) -> list[str]:
    """Return the names of a spec's features; empty when its ``features.py`` cannot be used."""
    from airworthy.features import load_expressions

    try:
        return list(load_expressions(spec_file.with_name("features.py"), spec.model))
    except TerminalError:
        return []


def _baseline_faults(file: str, spec: ModelSpec, features: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(spec.train.baseline.by):
        if name not in features:
            problem = f"there is no such feature{did_you_mean(name, features)}"
            yield Fault(file, f"train.baseline.by[{index}]", problem, name, ", ".join(features))


def _feature_faults(path: Path, spec: ModelSpec, name: str, expression: pl.Expr) -> Iterator[Fault]:
    from airworthy.features import check_expressions

    key, inputs = f"FEATURES[{name!r}]", spec.inputs
    ingest = spec.ingest
    missing = {
        name: "a key of the row (ingest.key_inputs makes it an input)"
        for name in ingest.key_types
        if name not in inputs
    }
    missing |= {ingest.label: "the label"}
    if ingest.static:
        missing |= {ingest.event_time: "a time of static rows"}
    columns = set(expression.meta.root_names())
    forbidden = [column for column in sorted(columns) if column in missing]
    if forbidden:
        problem = f"this feature reads {missing[forbidden[0]]}, which a prediction does not have"
        yield Fault(str(path), key, problem, ", ".join(forbidden), ", ".join(inputs))
        return
    try:
        check_expressions({name: expression}, inputs, path)
    except TerminalError as error:
        problem = error.problem.removeprefix(f"{path}: ").replace(
            f"feature {name!r}", "this feature"
        )
        yield Fault(str(path), key, problem, error.received or str(expression), error.allowed)
        return
    yield from _row_dependence(path, key, name, expression, inputs)


def _row_dependence(
    path: Path, key: str, name: str, expression: pl.Expr, inputs: dict[str, ColumnType]
) -> Iterator[Fault]:
    """Compute the feature on sample rows, in one frame and row by row.

    Some features parse their texts, so several kinds of text are tried.
    """
    import polars as pl

    from airworthy.features import row_dependent_features

    message = ""
    for texts in TEXTS:
        try:
            dependent = row_dependent_features({name: expression}, sample_frame(inputs, texts))
        except pl.exceptions.PolarsError as error:
            message = str(error).splitlines()[0]
            continue
        if dependent:
            allowed = (
                "an expression over one row; what is learnt from many rows belongs in the model "
                "or in the source"
            )
            yield Fault(
                str(path), key, "this feature looks at other rows", str(expression), allowed
            )
        return
    allowed = (
        "an expression that works on every value of its columns' types, "
        "such as cast(..., strict=False)"
    )
    problem = f"this feature fails on sample rows: {message}"
    yield Fault(str(path), key, problem, str(expression), allowed)


def sample_frame(inputs: dict[str, ColumnType], texts: tuple[str, ...]) -> pl.DataFrame:
    """Return `SAMPLE_ROWS` rows of the declared types, with repeated and missing values."""
    import polars as pl

    from airworthy.features import polars_schema

    columns = {
        name: [
            None
            if (row + shift) % _MISSING_EVERY == 0
            else _value(kind, (row * 5 + shift) % 11, texts)
            for row in range(SAMPLE_ROWS)
        ]
        for shift, (name, kind) in enumerate(inputs.items(), start=1)
    }
    return pl.DataFrame(columns, schema=polars_schema(inputs))


def _value(kind: ColumnType, number: int, texts: tuple[str, ...]) -> Any:
    if kind == "float":
        return number * 1.37 + 0.5
    if kind == "int":
        return number + 1
    if kind == "bool":
        return number % 3 == 0
    if kind == "datetime":
        return datetime(2025, 3, 1, 5, 30, tzinfo=UTC) + timedelta(hours=37 * number)
    return texts[number % len(texts)]
