"""The features of one row, as `FeatureSet.matrix` gives them, without asking Polars for what needs no computing.

Most of what Polars costs for one row is fixed per expression. A feature that is an input column as it stands needs
none, and levels and float32 are quickly found outside of it. Every computed feature is still the very expression that
training ran.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from airworthy.features import Feature, FeatureSet

_NAN = float("nan")
# Beyond this, whole numbers on their way to float32 would be rounded twice.
_EXACT = 2**53


class _OtherWayError(Exception):
    """This row has a value that only Polars converts exactly as in training."""


class SingleRowEncoder:
    """One bundle's features, prepared for one row at a time."""

    def __init__(self, features: FeatureSet, schema: dict[str, pl.DataType]) -> None:
        """Split the features into those that are a column as it stands and those that Polars computes.

        Args:
            features: The bundle's features.
            schema: The Polars types of all inputs.
        """
        self._features = features
        self._schema = schema
        computed: dict[str, pl.Expr] = {}
        self._sources: list[tuple[str, bool]] = []
        for name, expression in features.expressions.items():
            bare = expression.meta.undo_aliases().meta.is_column()
            self._sources.append((expression.meta.root_names()[0] if bare else name, bare))
            if not bare:
                computed[name] = expression.alias(name)
        self._computed = list(computed.values())
        needed = {root for expression in self._computed for root in expression.meta.root_names()}
        self._needed = {name: kind for name, kind in schema.items() if name in needed}
        self._encode = [_encoder(feature) for feature in features.features]

    def matrix(self, row: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the features of a row as a matrix of shape (1, features).

        Args:
            row: A value for every input, as Polars takes it.
        """
        try:
            return self._quick(row)
        except _OtherWayError:
            return self._features.matrix(pl.from_dicts([row], schema=self._schema))

    def _quick(self, row: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        computed: dict[str, Any] = {}
        if self._computed:
            # Without any input, an expression still needs a frame of one row to stand in.
            needed = self._needed or self._schema
            frame = pl.from_dicts([{name: row[name] for name in needed}], schema=needed)
            computed = frame.select_seq(self._computed).row(0, named=True)
        sources = zip(self._encode, self._sources, strict=True)
        values = [encode(row[name] if bare else computed[name]) for encode, (name, bare) in sources]
        with np.errstate(over="ignore"):
            return np.array([values], dtype=np.float32)


def _encoder(feature: Feature) -> Callable[[Any], float]:
    if feature.kind == "number":
        return _number
    codes: dict[str | None, float] = {
        level: float(code) for code, level in enumerate(feature.levels)
    }

    def code(value: Any) -> float:
        if value is not None and type(value) is not str:
            raise _OtherWayError
        return codes.get(value, _NAN)

    return code


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if value is None:
        return _NAN
    if type(value) not in (int, bool) or not -_EXACT <= value <= _EXACT:
        raise _OtherWayError
    return float(value)
