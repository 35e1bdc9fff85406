"""Labelled rows as float32 matrices on disk, for data sets larger than the memory.

Each partition is read and turned into features once. The matrix goes to a temporary file, and the
booster reads the file in pieces of a partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xgboost

from airworthy.features import FeatureSet
from airworthy.infinite_features import InfiniteFeature, infinite_features, refuse_infinite
from airworthy.training.training_labels import Labels, encode_labels

Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class StoredRows:
    """Rows in a file.

    `matrix` maps the file, shape (rows, features). `pieces` are the row counts of its partitions, in
    their order; a partition without a labelled row has 0.
    """

    matrix: Matrix
    labels: Labels
    pieces: list[int]
    feature_names: list[str]
    feature_types: list[str]

    @property
    def rows(self) -> int:
        """The number of labelled rows."""
        return len(self.labels)

    def newest(self, partitions: int) -> StoredRows:
        """Return the rows of the last partitions, without a copy."""
        pieces = self.pieces[len(self.pieces) - partitions :]
        start = self.rows - sum(pieces)
        return replace(self, matrix=self.matrix[start:], labels=self.labels[start:], pieces=pieces)


def store_rows(
    path: Path,
    frames: Iterable[pl.DataFrame],
    features: FeatureSet,
    label: str,
    classes: list[str],
    model: str | None = None,
) -> StoredRows:
    """Write the labelled rows of partitions to a file.

    Args:
        path: The file.
        frames: Partitions of raw rows.
        features: Encodes them.
        label: The label's column.
        classes: In the order of their codes; empty for a regression.
        model: The model's name, for errors.

    Raises:
        TerminalError: when a feature is infinite in a labelled row.
    """
    infinite: list[InfiniteFeature] = []
    width = len(features.names)
    pieces: list[int] = []
    labels: list[Labels] = [np.empty(0)]
    with path.open("wb") as stream:
        for frame in frames:
            values = encode_labels(frame[label], classes)
            labelled = ~np.isnan(values)
            if labelled.any():
                encoded = features.matrix(frame)[labelled]
                if np.isinf(encoded).any():
                    kept = frame.filter(pl.Series(labelled))
                    infinite += infinite_features(features, kept, encoded)
                stream.write(encoded.tobytes())
                labels.append(values[labelled])
            pieces.append(int(labelled.sum()))
    refuse_infinite(infinite, model, "train", "the training rows")
    rows = sum(pieces)
    matrix: Matrix = (
        np.memmap(path, dtype=np.float32, mode="r", shape=(rows, width))
        if rows
        else np.empty((0, width), np.float32)
    )
    return StoredRows(matrix, np.concatenate(labels), pieces, features.names, features.types)


class _Pieces(xgboost.DataIter):  # type: ignore[misc]  # XGBoost is not typed
    """Feeds stored rows to XGBoost a partition at a time."""

    def __init__(self, parts: Sequence[StoredRows]) -> None:
        self._spans = [span for part in parts for span in _spans(part)]
        self._next = 0
        super().__init__()

    def reset(self) -> None:
        self._next = 0

    def next(self, input_data: Callable[..., None]) -> bool:
        if self._next == len(self._spans):
            return False
        rows, start, end = self._spans[self._next]
        input_data(
            data=np.ascontiguousarray(rows.matrix[start:end]),
            label=rows.labels[start:end],
            feature_names=rows.feature_names,
            feature_types=rows.feature_types,
        )
        self._next += 1
        return True


def _spans(rows: StoredRows) -> list[tuple[StoredRows, int, int]]:
    """Return the first and the last row of each partition that has rows."""
    ends = np.cumsum(rows.pieces, dtype=int).tolist()
    return [(rows, end - count, end) for count, end in zip(rows.pieces, ends, strict=True) if count]


def quantile_matrix(
    parts: Sequence[StoredRows], max_bin: int, reference: xgboost.DMatrix | None = None
) -> xgboost.DMatrix:
    """Return rows in XGBoost's compressed form.

    Args:
        parts: The rows, one after the other.
        max_bin: XGBoost's parameter.
        reference: The training set's matrix: a tuning set takes its bins from it.
    """
    return xgboost.QuantileDMatrix(
        _Pieces(parts), max_bin=max_bin, ref=reference, enable_categorical=True
    )
