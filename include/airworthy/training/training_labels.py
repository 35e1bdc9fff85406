"""Labels as numbers, for boosters and metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from airworthy.errors import TerminalError
from airworthy.spec import ModelSpec

Labels = np.ndarray[Any, np.dtype[np.float64]]


def find_classes(spec: ModelSpec, labels: pl.LazyFrame) -> list[str]:
    """Return a classification's classes in the order of their codes; empty for a regression.

    Raises:
        TerminalError: when the labels hold fewer than two classes, or a binary label is neither 0
            nor 1.
    """
    if spec.task == "regression":
        return []
    column = spec.ingest.label
    values = labels.select(pl.col(column).drop_nulls().unique().sort()).collect()[column].to_list()
    if len(values) < 2:
        rows = labels.select(pl.len()).collect().item()
        received = (
            f"{column} is {values[0]!r} in all {rows} rows"
            if values
            else (f"{rows} rows, and {column} is missing in every one" if rows else "no row at all")
        )
        raise TerminalError(
            "the label has one class only in the days before the holdout, so there is nothing to "
            "tell apart"
            if values
            else "the days before the holdout have no labelled row, so there is no class to learn",
            model=spec.model,
            stage="train",
            received=received,
            allowed="at least two classes in the days before the holdout",
            next_step="raise train.lookback, lower train.holdout, or look at the source's labels",
        )
    if spec.task == "multiclass":
        return [str(value) for value in values]
    if set(values) - {0, 1}:
        raise TerminalError(
            "a binary label is 0 or 1",
            model=spec.model,
            stage="train",
            received=f"{column} in {values[:10]}",
            allowed="0, 1, false, true",
            next_step=f"declare {column}: bool, and the value that means yes as ingest.positive; "
            "or declare task: multiclass",
        )
    return ["0", "1"]


def encode_labels(labels: pl.Series, classes: list[str]) -> Labels:
    """Return float64 labels, shape (rows,): values or class codes; NaN: missing or unknown.

    >>> encode_labels(pl.Series(["van", "bike", None]), ["bike", "van"]).tolist()
    [1.0, 0.0, nan]
    """
    if classes and (labels.dtype == pl.String or labels.dtype.is_integer()):
        labels = labels.cast(pl.String)
        codes = [float(code) for code in range(len(classes))]
        labels = labels.replace_strict(classes, codes, default=None, return_dtype=pl.Float64)
    return labels.cast(pl.Float64).fill_null(float("nan")).to_numpy()
