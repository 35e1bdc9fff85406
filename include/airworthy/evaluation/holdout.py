"""The frozen holdout rows and what each model says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from airworthy.bundle import ModelBundle
from airworthy.evaluation.metrics import measure
from airworthy.spec import ModelSpec
from airworthy.training.baseline import BaselineModel
from airworthy.training.labels import encode_labels

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Scored:
    """Labels, shape (rows,), the predictions of each model by its role, and the columns that slices need."""

    labels: Array
    predictions: dict[str, Array]
    slices: pl.DataFrame

    def metrics(self, spec: ModelSpec) -> dict[str, dict[str, float]]:
        """Return role -> metric -> value."""
        threshold = spec.evaluate.decision_threshold
        return {role: measure(spec.task, self.labels, rows, threshold) for role, rows in self.predictions.items()}


def score_holdout(
    spec: ModelSpec,
    frames: Iterable[pl.DataFrame],
    bundles: dict[str, ModelBundle],
    baseline: BaselineModel,
) -> Scored | None:
    """Score the same labelled rows with every bundle (by role) and with the baseline.

    Classes come in the challenger's order, then those that only other bundles know. Rows whose label is missing, or
    is a class that the challenger has never seen, are left out of all of them; None when none is left. One partition
    of raw rows is in memory at a time.
    """
    classes = bundles["challenger"].manifest.classes
    others = {name for bundle in bundles.values() for name in bundle.manifest.classes} - set(classes)
    order = [*classes, *sorted(others)]
    labels: list[Array] = []
    slices: list[pl.DataFrame] = []
    predictions: dict[str, list[Array]] = {role: [] for role in (*bundles, "baseline")}
    for frame in frames:
        target = encode_labels(frame[spec.ingest.label], classes)
        known = ~np.isnan(target)
        rows = frame.filter(pl.Series(known))
        labels.append(target[known])
        slices.append(rows.select(spec.evaluate.slices))
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


def slice_metrics(spec: ModelSpec, scored: Scored, role: str = "challenger") -> dict[str, dict[str, dict[str, float]]]:
    """Return column -> slice -> metrics of one model, with ``rows`` among them."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for column in spec.evaluate.slices:
        values = scored.slices[column].cast(pl.String).fill_null("missing").to_numpy()
        found[column] = {}
        for value in sorted(set(values.tolist())):
            chosen = values == value
            metrics = measure(
                spec.task, scored.labels[chosen], scored.predictions[role][chosen], spec.evaluate.decision_threshold
            )
            found[column][value] = {**metrics, "rows": float(chosen.sum())}
    return found
