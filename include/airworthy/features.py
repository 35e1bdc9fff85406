"""Features as named Polars expressions: one definition for training, batch scoring and serving.

A model's ``features.py`` holds ``FEATURES``: a mapping of feature name to expression over the
declared input columns. The same expressions run over a partition in training, a batch in scoring
and a request in serving, so they cannot cause training/serving skew. An expression must depend on
one row only.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.category_text import category_text, json_type, texts_of
from airworthy.error_kinds import line_in
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


_MANY_LEVELS, _ROWS_PER_LEVEL = 100, 20
NAMES_ALLOWED = "printable characters other than [, ] and <"

# Up to this many rows, handing work to Polars' thread pool costs more than it saves.
SEQUENTIAL_ROWS = 2_000


class Feature(BaseModel):
    """A feature's encoding as a float32 column: a number, or a level's code (unknown: missing)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["number", "category"]
    levels: list[str] = []

    def encode(self, expression: pl.Expr) -> pl.Expr:
        """Return the expression of this feature's float32 column, named after it."""
        if self.kind == "number":
            return expression.cast(pl.Float32).alias(self.name)
        # An Enum encodes each level by its index in the list, many times faster than a lookup
        # table.
        text = expression.cast(pl.String)
        coded = text.cast(pl.Enum(self.levels), strict=False).to_physical().cast(pl.Float32)
        variants = self.variants()
        if variants:
            other = texts_of(text, pl.String()).replace_strict(
                list(variants), list(variants.values()), default=None, return_dtype=pl.Float32
            )
            coded = pl.coalesce(coded, other)
        return coded.alias(self.name)

    def variants(self) -> dict[str, float]:
        """Return the codes of levels that have other ways of writing them, by their one text.

        These are whole numbers and booleans: the level ``1`` may be written ``1.0``.

        >>> Feature(name="zip", kind="category", levels=["1.0", "x"]).variants()
        {'1': 0.0}
        """
        codes = {level: float(code) for code, level in enumerate(self.levels)}
        texts = {category_text(level): code for level, code in codes.items()}
        return {
            text: codes.get(text, code)
            for text, code in texts.items()
            if json_type([text]) is not None and "." not in text
        }


def polars_schema(columns: dict[str, ColumnType]) -> dict[str, pl.DataType]:
    """Return the Polars types of declared columns.

    >>> polars_schema({"stops": "int"})
    {'stops': Int64}
    """
    return {name: POLARS_TYPES[kind] for name, kind in columns.items()}


def load_expressions(
    path: Path, model: str | None = None, content: bytes | None = None
) -> dict[str, pl.Expr]:
    """Run a ``features.py`` and return its ``FEATURES``.

    Args:
        path: The file.
        model: The model's name, for errors.
        content: The bytes to run, read from the file before; None: read them now. Bytes that were
            verified are run as they are, whatever became of the file meanwhile.

    Raises:
        TerminalError: when the file is missing, fails, or does not hold a mapping of names to
            expressions.
    """
    allowed = "FEATURES: dict[str, polars.Expr]"
    try:
        features: Any = _run_file(path, path.read_bytes() if content is None else content)
    except Exception as error:
        problem = f"{path} cannot be run: {type(error).__name__}: {error}{line_in(error, path)}"
        raise TerminalError(
            problem, model=model, allowed=allowed, next_step=f"edit {path}"
        ) from error
    if (
        not isinstance(features, dict)
        or not features
        or not all(isinstance(e, pl.Expr) for e in features.values())
    ):
        raise TerminalError(
            f"{path} must define FEATURES",
            model=model,
            received=repr(features)[:200],
            allowed=allowed,
            next_step=f"edit {path}",
        )
    return dict(features)


def _run_file(path: Path, content: bytes) -> Any:
    """Run a file's bytes as a module of their own; return its ``FEATURES``, or None."""
    module = ModuleType(f"<features of {path}>")
    module.__file__ = str(path)
    # Dataclasses look their module up while they are made.
    sys.modules[module.__name__] = module
    try:
        exec(compile(content, str(path), "exec"), vars(module))  # noqa: S102 - it is code
    finally:
        sys.modules.pop(module.__name__, None)
    return getattr(module, "FEATURES", None)


def check_expressions(
    expressions: dict[str, pl.Expr], inputs: dict[str, ColumnType], path: Path
) -> dict[str, Any]:
    """Check the features' columns and types; return feature name -> Polars type.

    Args:
        expressions: Feature name -> expression.
        inputs: The declared input columns.
        path: The ``features.py``, for errors.

    Raises:
        TerminalError: when a feature reads an undeclared column, does not resolve, or is neither a
            number, a boolean nor text.
    """
    _check_names(list(expressions), path)
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


def _check_names(names: list[Any], path: Path) -> None:
    for name in names:
        problem = name_problem(name)
        if problem is not None:
            raise TerminalError(
                f"{path}: feature {name!r} {problem}",
                received=repr(name)[:200],
                allowed=NAMES_ALLOWED,
                next_step=f"rename the feature in {path}",
            )


def name_problem(name: object) -> str | None:
    """Return the reason that no feature can have this name; None: it can.

    >>> name_problem("a[0]")
    "has '[' in its name, which XGBoost refuses"
    """
    if not isinstance(name, str):
        return f"has a name of type {type(name).__name__}, not text"
    if not name.strip():
        return "has an empty name"
    refused = [char for char in name if char in "[]<"]
    if refused:
        return f"has {refused[0]!r} in its name, which XGBoost refuses"
    if not name.isprintable():
        return "has a character in its name that cannot be printed"
    return None


def row_dependent_features(expressions: dict[str, pl.Expr], frame: pl.DataFrame) -> list[str]:
    """Return the features with other values for single rows: aggregates, shifts, ranks.

    They would differ between training and serving. `frame` is a sample of a few dozen rows.
    """
    if frame.is_empty():
        return []
    named = [expression.alias(name) for name, expression in expressions.items()]
    in_frame = frame.select(named)
    alone = pl.concat([frame[row : row + 1].select(named) for row in range(frame.height)])
    return [name for name in expressions if not in_frame[name].equals(alone[name], null_equal=True)]


def fit_features(
    expressions: dict[str, pl.Expr], types: dict[str, Any], frames: list[pl.LazyFrame]
) -> list[Feature]:
    """Return the features' encodings, with the sorted levels of the training rows.

    Args:
        expressions: Feature name -> expression.
        types: Feature name -> Polars type; text becomes a category.
        frames: The training rows.
    """
    text = [name for name, kind in types.items() if not (kind.is_numeric() or kind == pl.Boolean)]
    levels: dict[str, set[str]] = {name: set() for name in text}
    for frame in frames:
        if not text:
            break
        uniques = frame.select(
            expressions[name].cast(pl.String).alias(name).unique().implode() for name in text
        )
        for name, values in uniques.collect().to_dict(as_series=False).items():
            levels[name].update(value for value in values[0] if value is not None)
    return [
        Feature(name=name, kind="category", levels=_one_per_value(levels[name]))
        if name in levels
        else Feature(name=name, kind="number")
        for name in expressions
    ]


def _one_per_value(levels: set[str]) -> list[str]:
    """Return sorted levels; of several ways to write one value, its one text."""
    writings = Counter(map(category_text, levels))
    texts = {level: category_text(level) for level in levels}
    return sorted({text if writings[text] > 1 else level for level, text in texts.items()})


def too_many_levels(kind: pl.DataType, levels: int, rows: int) -> bool:
    """Tell whether a category looks like free text: many levels with a few rows each.

    >>> too_many_levels(pl.String(), 816, 10_000), too_many_levels(pl.String(), 260, 10_000)
    (True, False)

    Args:
        kind: The feature's Polars type.
        levels: The number of its levels.
        rows: The number of rows with a value.
    """
    is_text = not (kind.is_numeric() or kind == pl.Boolean)
    return is_text and levels >= _MANY_LEVELS and rows < _ROWS_PER_LEVEL * levels


class FeatureSet:
    """Feature expressions with their encodings: converts rows to a float32 matrix."""

    def __init__(self, expressions: dict[str, pl.Expr], features: list[Feature]) -> None:
        """Combine each feature's encoding with its expression."""
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

    def reads(self, column: str) -> bool:
        """Tell whether a feature reads an input column."""
        return any(column in each.meta.root_names() for each in self.expressions.values())

    def is_computed(self, name: str) -> bool:
        """Tell whether a feature is more than an input column as it is."""
        return not self.expressions[name].meta.undo_aliases().meta.is_column()

    def levels_of(self, column: str) -> list[str]:
        """Return the levels of an input column that is a category as it is; else none."""
        levels: set[str] = set()
        for feature in self.features:
            expression = self.expressions[feature.name].meta.undo_aliases()
            if feature.kind == "category" and expression.meta.is_column():
                levels.update(feature.levels if expression.meta.root_names() == [column] else ())
        return sorted(levels)

    def values(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the features before encoding, one named column each."""
        return frame.select(self._plain)
