"""The metrics of the same prediction for every row of a sample: the mean, or the class shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.behaviour import Behaviour
from airworthy.evaluation.kpi import costs_of_rows
from airworthy.evaluation.slicing import assign_slices, rows_in_slices
from airworthy.evaluation.task_metrics import measure
from airworthy.spec.evaluate_part import KPI, LOWER_IS_BETTER, Gate
from airworthy.spec.model_spec import ModelSpec
from airworthy.training.training_labels import encode_labels, find_classes


@dataclass(frozen=True)
class ConstantModel:
    """The prediction that knows the labels' mean, and nothing of a row.

    Attributes:
        spec: The model's spec.
        labelled: The rows of a sample with a label.
        labels: Values or class codes, shape (rows,).
        predictions: Shape (rows,), or (rows, classes) for a multiclass task.
        costs: The KPI's cost of each row, shape (rows,); None: the spec has no KPI.
    """

    spec: ModelSpec
    labelled: pl.DataFrame
    labels: Array
    predictions: Array
    costs: Array | None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.labels)

    @property
    def prediction(self) -> str:
        """The prediction for people."""
        return "the mean" if self.spec.task == "regression" else "the share of each class"

    def worst(self, gate: Gate) -> float | None:
        """Return the gate's metric, the worst of its slices; None: not defined on these rows."""
        masks = [np.ones(self.rows, dtype=bool)]
        if gate.slice is not None:
            [slices] = [each for each in self.spec.evaluate.slices if each.column == gate.slice]
            column = assign_slices(self.labelled, [slices])[gate.slice]
            masks = [mask for _, mask in rows_in_slices(column, slices)]
        values = [self._metric(gate.metric, mask) for mask in masks if mask.sum() >= gate.min_rows]
        defined = [value for value in values if value is not None]
        pick = max if gate.metric in LOWER_IS_BETTER else min
        return pick(defined) if defined else None

    def _metric(self, metric: str, mask: Array) -> float | None:
        if metric == KPI:
            return None if self.costs is None else float(self.costs[mask].mean())
        threshold = self.spec.evaluate.decision_threshold
        return measure(self.spec.task, self.labels[mask], self.predictions[mask], threshold).get(
            metric
        )


def fit_constant(spec: ModelSpec, behaviour: Behaviour, rows: pl.DataFrame) -> ConstantModel:
    """Fit the constant prediction to the rows with a label.

    Args:
        spec: The model's spec.
        behaviour: Has the KPI's function, if there is one.
        rows: A sample of the model's rows.

    Raises:
        TerminalError: when the labels have one class only, or the KPI's function fails.
    """
    labelled = rows.filter(pl.col(spec.ingest.label).is_not_null())
    classes = find_classes(spec, labelled.lazy())
    labels = encode_labels(labelled[spec.ingest.label], classes)
    predictions = np.full(len(labels), labels.mean())
    if spec.task == "multiclass":
        shares = np.bincount(labels.astype(int), minlength=len(classes)) / len(labels)
        predictions = np.tile(shares, (len(labels), 1))
    costs = costs_of_rows(spec, behaviour, labels, predictions, classes)
    return ConstantModel(spec, labelled, labels, predictions, costs)
