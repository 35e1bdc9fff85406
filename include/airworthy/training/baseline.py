"""The baseline: the training mean (regression), rate (binary) or class shares (multiclass) within each group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.spec.evaluate_part import Task
from airworthy.training.training_labels import encode_labels


class BaselineModel(BaseModel):
    """A fitted baseline: `table` maps the JSON text of a group's values to its prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: list[str]
    overall: list[float]
    table: dict[str, list[float]]

    def predict(self, values: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Predict rows of unencoded features; an unseen group gets the overall prediction.

        Returns:
            Shape (rows,), or (rows, classes) for a multiclass task.
        """
        groups = _groups(values, self.by)
        known = [self.table.get(group, self.overall) for group in groups]
        table = np.array(known, dtype=np.float64).reshape(values.height, len(self.overall))
        return table[:, 0] if len(self.overall) == 1 else table


def fit_baseline(
    task: Task,
    by: list[str],
    partitions: Iterable[tuple[pl.DataFrame, pl.Series]],
    classes: list[str],
) -> BaselineModel:
    """Fit from partitions of unencoded features with their labels; rows without a label do not count."""
    sums: dict[str, np.ndarray[Any, Any]] = {}
    width = len(classes) if task == "multiclass" else 1
    total = np.zeros(width + 1)
    for frame, label in partitions:
        target = encode_labels(label, classes)
        known = ~np.isnan(target)
        columns = (
            np.eye(width)[target[known].astype(int)]
            if task == "multiclass"
            else target[known][:, None]
        )
        rows = np.column_stack([columns, np.ones(len(columns))])
        total += rows.sum(axis=0)
        _add_groups(sums, _groups(frame, by)[known], rows)
    overall = total[:-1] / total[-1]
    # One row of the overall rate in every group: a small one would else say never, or always, and its log loss with it.
    prior = 0.0 if task == "regression" else 1.0
    table = {
        group: (found[:-1] + prior * overall) / (found[-1] + prior)
        for group, found in sorted(sums.items())
    }
    return BaselineModel(
        by=by,
        overall=overall.tolist(),
        table={group: mean.tolist() for group, mean in table.items()} if by else {},
    )


def _add_groups(sums: dict[str, Any], groups: Any, rows: np.ndarray[Any, Any]) -> None:
    names, codes = np.unique(groups, return_inverse=True)
    found = np.zeros((len(names), rows.shape[1]))
    np.add.at(found, codes, rows)
    for name, row in zip(names.tolist(), found, strict=True):
        sums[name] = sums.get(name, 0) + row


def _groups(values: pl.DataFrame, by: list[str]) -> np.ndarray[Any, Any]:
    """Return each row's group as text, shape (rows,)."""
    if not by:
        return np.full(values.height, "", dtype=object).astype(str)
    # JSON, so that no two groups share a text, whatever characters their values have.
    return values.select(pl.struct(by).struct.json_encode().alias("group"))["group"].to_numpy()
