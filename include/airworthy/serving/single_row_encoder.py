"""Encodes one row as `FeatureSet.matrix` does, with fewer Polars expressions.

Most of the cost of Polars for one row is fixed per expression. An unchanged input column needs no
expression: its level or float32 value is quickly looked up in Python. A computed feature still uses
the expression of training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from airworthy.category_text import category_text
from airworthy.features import Feature, FeatureSet

_NAN = float("nan")
# Whole numbers beyond this would be rounded twice on their way to float32.
_EXACT = 2**53


class _NeedsPolarsError(Exception):
    """A value of this row must be converted by Polars to get the value of training."""


class SingleRowEncoder:
    """One bundle's features, prepared for one row at a time."""

    def __init__(self, features: FeatureSet, schema: dict[str, pl.DataType]) -> None:
        """Split the features into unchanged columns and those computed by Polars.

        Args:
            features: The bundle's features.
            schema: The Polars types of all inputs.
        """
        self._features = features
        self._schema = schema
        computed: dict[str, pl.Expr] = {}
        self._sources: list[tuple[str, bool]] = []
        for name, expression in features.expressions.items():
            is_column = expression.meta.undo_aliases().meta.is_column()
            self._sources.append(
                (expression.meta.root_names()[0] if is_column else name, is_column)
            )
            if not is_column:
                computed[name] = expression.alias(name)
        self._computed = list(computed.values())
        needed = {root for expression in self._computed for root in expression.meta.root_names()}
        self._needed = {name: kind for name, kind in schema.items() if name in needed}
        self._encoders = [_encoder(feature) for feature in features.features]

    def matrix(self, row: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the features of a row as a matrix of shape (1, features).

        Args:
            row: A value for every input, in types for Polars.
        """
        try:
            return self._encode_row(row)
        except _NeedsPolarsError:
            return self._features.matrix(pl.from_dicts([row], schema=self._schema))

    def _encode_row(self, row: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        computed: dict[str, Any] = {}
        if self._computed:
            # Expressions without an input still need a frame of one row.
            needed = self._needed or self._schema
            frame = pl.from_dicts([{name: row[name] for name in needed}], schema=needed)
            computed = frame.select_seq(self._computed).row(0, named=True)
        sources = zip(self._encoders, self._sources, strict=True)
        values = [
            encode(row[name] if is_column else computed[name])
            for encode, (name, is_column) in sources
        ]
        with np.errstate(over="ignore"):
            return np.array([values], dtype=np.float32)


def _encoder(feature: Feature) -> Callable[[Any], float]:
    if feature.kind == "number":
        return _number
    codes: dict[str | None, float] = {
        level: float(code) for code, level in enumerate(feature.levels)
    }
    variants = feature.variants()

    def code(value: Any) -> float:
        if value is not None and type(value) is not str:
            raise _NeedsPolarsError
        known = codes.get(value)
        if known is not None:
            return known
        return variants.get(category_text(value), _NAN) if variants and value else _NAN

    return code


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if value is None:
        return _NAN
    if type(value) not in (int, bool) or not -_EXACT <= value <= _EXACT:
        raise _NeedsPolarsError
    return float(value)
