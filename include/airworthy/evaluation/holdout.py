"""The holdout's rows with every model's predictions of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.behaviour import Behaviour
from airworthy.bundle import ModelBundle
from airworthy.evaluation.kpi import costs_of_rows
from airworthy.evaluation.row_sample import RowSample
from airworthy.evaluation.slicing import assign_slices, rows_in_slices
from airworthy.evaluation.task_metrics import measure
from airworthy.infinite_features import InfiniteFeature, infinite_features, refuse_infinite
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import KPI
from airworthy.training.baseline import BaselineModel
from airworthy.training.training_labels import encode_labels

ALL_ROWS = slice(None)


@dataclass(frozen=True)
class ScoredHoldout:
    """The holdout's labelled rows with the models' predictions.

    Attributes:
        labels: Shape (rows,): values or class codes.
        predictions: Role -> the model's predictions, shape (rows,) or (rows, classes).
        slices: Each sliced column, as the slice name of each row.
        classes: Their names, in the order of predictions and codes; empty for a regression.
        sample: Some of the raw rows, for behavioural tests.
        days: The partition of each row, counted from 0, shape (rows,).
        costs: Role -> each row's cost, shape (rows,); empty without a KPI.
    """

    labels: Array
    predictions: dict[str, Array]
    slices: pl.DataFrame
    classes: list[str]
    sample: pl.DataFrame
    days: Array
    costs: dict[str, Array] = field(default_factory=dict)

    def metrics(
        self, spec: ModelSpec, role: str, rows: Array | slice = ALL_ROWS
    ) -> dict[str, float]:
        """Return metric -> value of one model; the KPI is the last.

        Args:
            spec: Names the task and the decision threshold.
            role: The model's.
            rows: A mask of the rows to measure on, shape (rows,).
        """
        metrics = measure(
            spec.task,
            self.labels[rows],
            self.predictions[role][rows],
            spec.evaluate.decision_threshold,
        )
        if role in self.costs:
            metrics[KPI] = float(self.costs[role][rows].mean())
        return metrics

    def with_costs(self, spec: ModelSpec, behaviour: Behaviour) -> ScoredHoldout:
        """Return the same rows with each row's cost.

        Raises:
            TerminalError: when the spec's KPI function gives no cost per row.
        """
        costs = {
            role: costs_of_rows(spec, behaviour, self.labels, predictions, self.classes)
            for role, predictions in self.predictions.items()
        }
        defined = {role: values for role, values in costs.items() if values is not None}
        return replace(self, costs=defined)


def score_holdout(
    spec: ModelSpec,
    frames: Iterable[pl.DataFrame],
    bundles: Mapping[str, ModelBundle],
    baseline: BaselineModel,
) -> ScoredHoldout | None:
    """Score the same labelled rows with every bundle and with the baseline.

    Classes come in the challenger's order, then those of other bundles. Rows without a label are
    skipped for all models, as are rows of a class unknown to the challenger. One partition of raw
    rows is in memory at a time, and the sample.

    Args:
        spec: Names the label, the inputs, the slices and the size of the sample.
        frames: The holdout's partitions, raw rows.
        bundles: Role -> model; ``challenger`` is one of the roles.
        baseline: Gets the role ``baseline``.

    Returns:
        None when no row has a label.

    Raises:
        TerminalError: when a feature of the challenger is infinite in a row.
    """
    scorer = _Scorer(spec, bundles, baseline)
    for frame in frames:
        scorer.add(frame)
    return scorer.result()


class _Scorer:
    """Collects labels, predictions, slices and the sample, a partition at a time."""

    def __init__(
        self, spec: ModelSpec, bundles: Mapping[str, ModelBundle], baseline: BaselineModel
    ) -> None:
        self._spec, self._bundles, self._baseline = spec, bundles, baseline
        self._classes = bundles["challenger"].manifest.classes
        self._order = _class_order(bundles)
        self._labels: list[Array] = []
        self._infinite: list[InfiniteFeature] = []
        self._slices: list[pl.DataFrame] = []
        self._sample = RowSample(spec.evaluate.behaviour_rows, spec.train.seed)
        self._predictions: dict[str, list[Array]] = {role: [] for role in (*bundles, "baseline")}

    def add(self, frame: pl.DataFrame) -> None:
        """Score a partition's labelled rows."""
        labels = encode_labels(frame[self._spec.ingest.label], self._classes)
        labelled = ~np.isnan(labels)
        rows = frame.filter(pl.Series(labelled))
        self._labels.append(labels[labelled])
        self._slices.append(assign_slices(rows, self._spec.evaluate.slices))
        self._sample.add(rows.select(list(self._spec.inputs)))
        for role, bundle in self._bundles.items():
            matrix = bundle.features.matrix(rows)
            if role == "challenger" and np.isinf(matrix).any():
                self._infinite += infinite_features(bundle.features, rows, matrix)
            self._keep(role, bundle.predict_matrix(matrix), bundle.manifest.classes)
        features = self._bundles["challenger"].features.values(rows)
        self._keep("baseline", self._baseline.predict(features), self._classes)

    def _keep(self, role: str, predictions: Array, classes: list[str]) -> None:
        self._predictions[role].append(align_classes(predictions, classes, self._order))

    def result(self) -> ScoredHoldout | None:
        """Return all partitions as one; None without a row."""
        refuse_infinite(self._infinite, self._spec.model, "evaluate", "the holdout")
        counts = [len(labels) for labels in self._labels]
        if not sum(counts):
            return None
        return ScoredHoldout(
            labels=np.concatenate(self._labels),
            predictions={
                role: np.concatenate(parts).astype(np.float64)
                for role, parts in self._predictions.items()
            },
            slices=pl.concat(self._slices) if self._spec.evaluate.slices else pl.DataFrame(),
            classes=self._order,
            sample=self._sample.rows(),
            # Static rows are divided at random: each is an observation of its own.
            days=np.arange(sum(counts))
            if self._spec.ingest.static
            else np.repeat(np.arange(len(counts)), counts),
        )


def _class_order(bundles: Mapping[str, ModelBundle]) -> list[str]:
    """Return the challenger's classes, then those of other bundles by name."""
    classes = bundles["challenger"].manifest.classes
    others = {name for bundle in bundles.values() for name in bundle.manifest.classes}
    return [*classes, *sorted(others - set(classes))]


def align_classes(predictions: Array, classes: list[str], order: list[str]) -> Array:
    """Return predictions with classes in another order; unknown classes have probability 0.

    Args:
        predictions: Shape (rows,), returned as they are, or (rows, classes).
        classes: The model's classes; each is in `order`.
        order: The classes of the result.

    >>> align_classes(np.array([[0.25, 0.75]]), ["a", "b"], ["b", "a", "c"]).tolist()
    [[0.75, 0.25, 0.0]]
    """
    if predictions.ndim == 1 or classes == order:
        return predictions
    aligned = np.zeros((len(predictions), len(order)), dtype=predictions.dtype)
    aligned[:, [order.index(name) for name in classes]] = predictions
    return aligned


def slice_metrics(
    spec: ModelSpec, scored: ScoredHoldout, role: str = "challenger"
) -> dict[str, dict[str, dict[str, float]]]:
    """Return column -> slice -> metrics of one model, ``rows`` among them.

    Args:
        spec: Declares the slices.
        scored: The holdout.
        role: The model's.
    """
    by_column: dict[str, dict[str, dict[str, float]]] = {}
    for slices in spec.evaluate.slices:
        column = scored.slices[slices.column]
        by_column[slices.column] = {
            name: {**scored.metrics(spec, role, rows), "rows": float(rows.sum())}
            for name, rows in rows_in_slices(column, slices)
        }
    return by_column
