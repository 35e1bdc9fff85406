"""The baseline: each group's training mean, rate, or class shares, by the task."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from airworthy.arrays import Array
from airworthy.spec.evaluate_part import Task
from airworthy.training.training_labels import encode_labels


class BaselineModel(BaseModel):
    """A fitted baseline: `table` maps the JSON text of a group's values to its prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: list[str]
    overall: list[float]
    table: dict[str, list[float]]

    def predict(self, values: pl.DataFrame) -> Array:
        """Predict rows of unencoded features; an unknown group gets the overall prediction.

        Returns:
            Shape (rows,), or (rows, classes) for a multiclass task.
        """
        groups = _groups(values, self.by)
        rows = [self.table.get(group, self.overall) for group in groups]
        predictions = np.array(rows, dtype=np.float64).reshape(values.height, len(self.overall))
        return predictions[:, 0] if len(self.overall) == 1 else predictions


def fit_baseline(
    task: Task,
    by: list[str],
    partitions: Iterable[tuple[pl.DataFrame, pl.Series]],
    classes: list[str],
) -> BaselineModel:
    """Fit a baseline; rows without a label do not count.

    Args:
        task: Decides on mean, rate or class shares.
        by: The features that form the groups; empty for one group of all rows.
        partitions: Unencoded features with their labels.
        classes: In the order of their codes; empty for a regression.
    """
    sums: dict[str, Array] = {}
    total = np.zeros((len(classes) if task == "multiclass" else 1) + 1)
    for frame, label in partitions:
        labels = encode_labels(label, classes)
        labelled = ~np.isnan(labels)
        rows = _sums_and_count(task, labels[labelled], len(classes))
        total += rows.sum(axis=0)
        _add_groups(sums, _groups(frame, by)[labelled], rows)
    overall = total[:-1] / total[-1]
    # One row of the overall rate in every group: a small group would else say never or always, at a
    # huge log loss.
    prior = 0.0 if task == "regression" else 1.0
    table = {
        group: (each[:-1] + prior * overall) / (each[-1] + prior)
        for group, each in sorted(sums.items())
    }
    return BaselineModel(
        by=by,
        overall=overall.tolist(),
        table={group: mean.tolist() for group, mean in table.items()} if by else {},
    )


def _sums_and_count(task: Task, labels: Array, classes: int) -> Array:
    """Return each row's value, or its class as 0 and 1 per class, and a last column of ones."""
    columns = np.eye(classes)[labels.astype(int)] if task == "multiclass" else labels[:, None]
    return np.column_stack([columns, np.ones(len(columns))])


def _add_groups(sums: dict[str, Array], groups: Array, rows: Array) -> None:
    names, codes = np.unique(groups, return_inverse=True)
    group_sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(group_sums, codes, rows)
    for name, row in zip(names.tolist(), group_sums, strict=True):
        sums[name] = sums.get(name, 0) + row


def _groups(values: pl.DataFrame, by: list[str]) -> Array:
    """Return each row's group as text, shape (rows,)."""
    if not by:
        return np.full(values.height, "", dtype=object).astype(str)
    # As JSON no two groups have the same text, whatever characters their values have.
    return values.select(pl.struct(by).struct.json_encode().alias("group"))["group"].to_numpy()
