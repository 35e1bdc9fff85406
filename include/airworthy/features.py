"""Features as named Polars expressions: one definition for training, batch scoring and serving.

A model's ``features.py`` holds ``FEATURES``, a mapping of feature name to expression over the declared input columns.
The very same expressions run over a partition in training, a batch in scoring and one request in serving, so
training/serving skew cannot be written by accident. Expressions must look at one row at a time.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.errors import TerminalError
from airworthy.spec.fields import ColumnType

POLARS_TYPES: dict[str, pl.DataType] = {
    "float": pl.Float64(),
    "int": pl.Int64(),
    "bool": pl.Boolean(),
    "category": pl.String(),
    "string": pl.String(),
    "datetime": pl.Datetime("us", "UTC"),
}


# Up to this many rows, handing work to Polars' thread pool costs more than it saves.
SEQUENTIAL_ROWS = 2_000


class Feature(BaseModel):
    """How one feature becomes a float32 column: as a number, or as the code of a known level (else missing)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["number", "category"]
    levels: list[str] = []

    def encode(self, expression: pl.Expr) -> pl.Expr:
        """Return the expression that gives this feature's float32 column, named after it."""
        if self.kind == "number":
            return expression.cast(pl.Float32).alias(self.name)
        # An Enum gives each level its place in the list as code, and is many times faster than a lookup table.
        coded = expression.cast(pl.String).cast(pl.Enum(self.levels), strict=False).to_physical()
        return coded.cast(pl.Float32).alias(self.name)


def polars_schema(columns: dict[str, ColumnType]) -> dict[str, pl.DataType]:
    """Return the Polars types of declared columns."""
    return {name: POLARS_TYPES[kind] for name, kind in columns.items()}


def load_expressions(path: Path, model: str | None = None) -> dict[str, pl.Expr]:
    """Run a ``features.py`` and return its ``FEATURES``.

    Raises:
        TerminalError: when the file is missing, fails, or does not hold a mapping of names to expressions.
    """
    allowed = "FEATURES: dict[str, polars.Expr]"
    try:
        found: Any = runpy.run_path(str(path)).get("FEATURES")
    except Exception as error:
        problem = f"{path} cannot be run: {type(error).__name__}: {error}"
        raise TerminalError(
            problem, model=model, allowed=allowed, next_step=f"edit {path}"
        ) from error
    if (
        not isinstance(found, dict)
        or not found
        or not all(isinstance(e, pl.Expr) for e in found.values())
    ):
        raise TerminalError(
            f"{path} must define FEATURES",
            model=model,
            received=repr(found)[:200],
            allowed=allowed,
            next_step=f"edit {path}",
        )
    return dict(found)


def check_expressions(
    expressions: dict[str, pl.Expr], inputs: dict[str, ColumnType], path: Path
) -> dict[str, Any]:
    """Check names and result types against the declared inputs; return feature name -> Polars type.

    Raises:
        TerminalError: when a feature reads an undeclared column, fails to resolve, or gives a type that is neither
            a number, a boolean nor text.
    """
    frame = pl.LazyFrame(schema=polars_schema(inputs))
    types: dict[str, Any] = {}
    for name, expression in expressions.items():
        unknown = sorted(set(expression.meta.root_names()) - set(inputs))
        if unknown:
            raise TerminalError(
                f"{path}: feature {name!r} reads a column that a prediction does not have",
                received=", ".join(unknown),
                allowed=", ".join(inputs),
                next_step=f"edit {path}",
            )
        try:
            kind = frame.select(expression.alias(name)).collect_schema()[name]
        except pl.exceptions.PolarsError as error:
            raise TerminalError(
                f"{path}: feature {name!r} does not resolve: {error}",
                allowed=str(inputs),
                next_step=f"edit {path}",
            ) from error
        if not (
            kind.is_numeric()
            or kind in (pl.Boolean, pl.String)
            or isinstance(kind, pl.Enum | pl.Categorical)
        ):
            raise TerminalError(
                f"{path}: feature {name!r} has a type that a model cannot take",
                received=kind,
                allowed="numbers, booleans, text (as categories)",
                next_step=f"edit {path}",
            )
        types[name] = kind
    return types


def row_dependent(expressions: dict[str, pl.Expr], frame: pl.DataFrame) -> list[str]:
    """Return the features whose value for a row changes when the row stands alone: aggregates, shifts, ranks.

    Such a feature means one thing in training and another in serving. `frame` is a sample of a few dozen rows.
    """
    if frame.is_empty():
        return []
    together = frame.select(**expressions)
    alone = pl.concat([frame[row : row + 1].select(**expressions) for row in range(frame.height)])
    return [name for name in expressions if not together[name].equals(alone[name], null_equal=True)]


def fit_features(
    expressions: dict[str, pl.Expr], types: dict[str, Any], frames: list[pl.LazyFrame]
) -> list[Feature]:
    """Learn the levels of every categorical feature from the training rows, sorted, so that codes are reproducible."""
    text = [name for name, kind in types.items() if not (kind.is_numeric() or kind == pl.Boolean)]
    levels: dict[str, set[str]] = {name: set() for name in text}
    for frame in frames:
        if not text:
            break
        found = frame.select(
            expressions[name].cast(pl.String).alias(name).unique().implode() for name in text
        )
        for name, values in found.collect().to_dict(as_series=False).items():
            levels[name].update(value for value in values[0] if value is not None)
    return [
        Feature(name=name, kind="category", levels=sorted(levels[name]))
        if name in levels
        else Feature(name=name, kind="number")
        for name in expressions
    ]


class FeatureSet:
    """Expressions bound to their encoding: rows in, a float32 matrix out."""

    def __init__(self, expressions: dict[str, pl.Expr], features: list[Feature]) -> None:
        """Bind each feature's encoding to its expression."""
        self.features = features
        self.names = [feature.name for feature in features]
        self.expressions = {name: expressions[name] for name in self.names}
        self.types = ["c" if feature.kind == "category" else "q" for feature in features]
        self._encoded = [feature.encode(expressions[feature.name]) for feature in features]
        self._plain = [expressions[feature.name].alias(feature.name) for feature in features]

    def matrix(self, frame: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return a C-ordered float32 matrix of shape (rows, features); missing values are NaN."""
        select = frame.select_seq if frame.height <= SEQUENTIAL_ROWS else frame.select
        return np.ascontiguousarray(select(self._encoded).to_numpy(order="c"), dtype=np.float32)

    def values(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the features as people read them: before encoding, one named column each."""
        return frame.select(self._plain)
