"""Finds features that are infinite, such as ``a / 0``: no model learns from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.errors import TerminalError
from airworthy.features import FeatureSet

NEXT_STEP = (
    "let the expression give null there, such as pl.when(divisor != 0).then(...), or keep such "
    "rows out of the source"
)
ALLOWED = "finite numbers within float32; null where there is no value"


@dataclass(frozen=True)
class InfiniteFeature:
    """A feature that is infinite.

    Attributes:
        name: The feature's name.
        row: The first such row, counted from 0.
        inputs: The values of the columns that it reads, in that row.
        rows: The number of such rows.
    """

    name: str
    row: int
    inputs: dict[str, Any]
    rows: int

    @property
    def received(self) -> str:
        """The inputs of the first row as text, such as ``a = 1.0, b = 0.0``."""
        return ", ".join(f"{name} = {value!r}"[:80] for name, value in self.inputs.items())


def infinite_features(
    features: FeatureSet, frame: pl.DataFrame, matrix: Array
) -> list[InfiniteFeature]:
    """Return the features that are infinite in some row.

    Args:
        features: The features.
        frame: Their raw rows.
        matrix: Their values, shape (rows, features).
    """
    infinite = np.isinf(matrix)
    if not infinite.any():
        return []
    return [
        _described(features, frame, index, np.flatnonzero(infinite[:, index]))
        for index in np.flatnonzero(infinite.any(axis=0)).tolist()
    ]


def _described(
    features: FeatureSet, frame: pl.DataFrame, index: int, rows: Array
) -> InfiniteFeature:
    name, row = features.names[index], int(rows[0])
    roots = features.expressions[name].meta.root_names()
    return InfiniteFeature(name, row, frame.select(roots).row(row, named=True), len(rows))


def refuse_infinite(found: list[InfiniteFeature], model: str | None, stage: str, part: str) -> None:
    """Raise an error that names infinite features with their rows.

    Args:
        found: Of one or several frames; a feature may be there several times.
        model: The model's name, if known.
        stage: The stage, for the error.
        part: The part of the rows that was looked at, such as ``the training rows``.

    Raises:
        TerminalError: when there is one.
    """
    if not found:
        return
    counts: dict[str, int] = {}
    for each in found:
        counts[each.name] = counts.get(each.name, 0) + each.rows
    texts = [
        f"{name!r} in {count} {'row' if count == 1 else 'rows'}" for name, count in counts.items()
    ]
    raise TerminalError(
        f"a feature is infinite in {part}: {', '.join(texts)}",
        model=model,
        stage=stage,
        received=f"{found[0].name!r} where {found[0].received}",
        allowed=ALLOWED,
        next_step=NEXT_STEP,
    )
