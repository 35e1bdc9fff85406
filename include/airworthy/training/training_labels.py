"""Labels as numbers: what a task's label column becomes before a booster or a metric sees it."""

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
        TerminalError: when the labels hold fewer than two classes, or a binary label is neither 0 nor 1.
    """
    if spec.task == "regression":
        return []
    column = spec.ingest.label
    found = labels.select(pl.col(column).drop_nulls().unique().sort()).collect()[column].to_list()
    if len(found) < 2:
        raise TerminalError(
            "the label has one class only, so there is nothing to tell apart",
            model=spec.model,
            stage="train",
            received=f"{column} in {found}",
            allowed="at least two classes",
            next_step="raise train.lookback, or look at the source's labels",
        )
    if spec.task == "binary":
        if set(found) - {0, 1}:
            raise TerminalError(
                "a binary label is 0 or 1",
                model=spec.model,
                stage="train",
                received=f"{column} in {found[:10]}",
                allowed="0, 1, false, true",
                next_step="correct the source, or declare task: multiclass",
            )
        return ["0", "1"]
    return [str(value) for value in found]


def encode_labels(labels: pl.Series, classes: list[str]) -> Labels:
    """Return float64 labels of shape (rows,): the value, or the class's code; NaN where it is missing or unknown."""
    if classes and labels.dtype == pl.String:
        codes = [float(code) for code in range(len(classes))]
        labels = labels.replace_strict(classes, codes, default=None, return_dtype=pl.Float64)
    return labels.cast(pl.Float64).fill_null(float("nan")).to_numpy()
