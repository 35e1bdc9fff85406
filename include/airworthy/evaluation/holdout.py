"""The frozen holdout rows and what each model says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.behaviour import Behaviour
from airworthy.bundle import ModelBundle
from airworthy.evaluation.kpi import costs_of_rows
from airworthy.evaluation.row_sample import RowSample
from airworthy.evaluation.slicing import in_slices, rows_in_slices
from airworthy.evaluation.task_metrics import measure
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import KPI
from airworthy.training.baseline import BaselineModel
from airworthy.training.training_labels import encode_labels


@dataclass(frozen=True)
class Scored:
    """The holdout's rows as the models answered them.

    Attributes:
        labels: Shape (rows,).
        predictions: Each model's, by its role.
        slices: Each sliced column, as the names of the slices that the rows are in.
        classes: Their names, in the order of predictions and codes; empty for a regression.
        sample: Some of the raw rows, for behavioural tests.
        days: Which partition each row is of, counted from 0, shape (rows,).
        costs: Each row's cost, shape (rows,), by role; empty without a KPI.
    """

    labels: Array
    predictions: dict[str, Array]
    slices: pl.DataFrame
    classes: list[str]
    sample: pl.DataFrame
    days: Array
    costs: dict[str, Array] = field(default_factory=dict)

    def metrics(
        self, spec: ModelSpec, role: str, chosen: Array | slice = slice(None)
    ) -> dict[str, float]:
        """Return metric -> value of one model on the chosen rows; the KPI is the last."""
        labels, rows = self.labels[chosen], self.predictions[role][chosen]
        found = measure(spec.task, labels, rows, spec.evaluate.decision_threshold)
        return (
            {**found, KPI: float(self.costs[role][chosen].mean())} if role in self.costs else found
        )

    def priced(self, spec: ModelSpec, behaviour: Behaviour) -> Scored:
        """Return the same with each row's cost.

        Raises:
            TerminalError: when the spec's KPI function gives no cost per row.
        """
        found = {
            role: costs_of_rows(spec, behaviour, self.labels, rows, self.classes)
            for role, rows in self.predictions.items()
        }
        return replace(
            self, costs={role: costs for role, costs in found.items() if costs is not None}
        )


def score_holdout(
    spec: ModelSpec,
    frames: Iterable[pl.DataFrame],
    bundles: dict[str, ModelBundle],
    baseline: BaselineModel,
) -> Scored | None:
    """Score the same labelled rows with every bundle (by role) and with the baseline.

    Classes come in the challenger's order, then those that only other bundles know. Rows whose label is missing, or
    is a class that the challenger has never seen, are left out of all of them; None when none is left. One partition
    of raw rows is in memory at a time, and the sample.
    """
    classes = bundles["challenger"].manifest.classes
    others = {name for bundle in bundles.values() for name in bundle.manifest.classes} - set(
        classes
    )
    order = [*classes, *sorted(others)]
    labels: list[Array] = []
    slices: list[pl.DataFrame] = []
    sample = RowSample(spec.evaluate.behaviour_rows, spec.train.seed)
    predictions: dict[str, list[Array]] = {role: [] for role in (*bundles, "baseline")}
    for frame in frames:
        target = encode_labels(frame[spec.ingest.label], classes)
        known = ~np.isnan(target)
        rows = frame.filter(pl.Series(known))
        labels.append(target[known])
        slices.append(in_slices(rows, spec.evaluate.slices))
        sample.add(rows.select(list(spec.inputs)))
        for role, bundle in bundles.items():
            predictions[role].append(aligned(bundle.predict(rows), bundle.manifest.classes, order))
        by_group = baseline.predict(bundles["challenger"].features.values(rows))
        predictions["baseline"].append(aligned(by_group, classes, order))
    if not sum(map(len, labels)):
        return None
    return Scored(
        np.concatenate(labels),
        {role: np.concatenate(rows).astype(np.float64) for role, rows in predictions.items()},
        pl.concat(slices) if spec.evaluate.slices else pl.DataFrame(),
        order,
        sample.rows(),
        np.repeat(np.arange(len(labels)), [len(rows) for rows in labels]),
    )


def aligned(predictions: Array, classes: list[str], order: list[str]) -> Array:
    """Return predictions with their classes in this order; a class that the model does not know has probability 0.

    Args:
        predictions: Shape (rows,), which stays as it is, or (rows, classes).
        classes: The model's classes, each of which is in `order`.
        order: The classes of what is returned.
    """
    if predictions.ndim == 1 or classes == order:
        return predictions
    found = np.zeros((len(predictions), len(order)), dtype=predictions.dtype)
    found[:, [order.index(name) for name in classes]] = predictions
    return found


def slice_metrics(
    spec: ModelSpec, scored: Scored, role: str = "challenger"
) -> dict[str, dict[str, dict[str, float]]]:
    """Return column -> slice -> metrics of one model, with ``rows`` among them."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for slices in spec.evaluate.slices:
        column = scored.slices[slices.column]
        found[slices.column] = {}
        for name, chosen in rows_in_slices(column, slices):
            metrics = scored.metrics(spec, role, chosen)
            found[slices.column][name] = {**metrics, "rows": float(chosen.sum())}
    return found
