"""What a champion says of labelled rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.bundle import ModelBundle
from airworthy.monitoring.live_rows import frames
from airworthy.spec import ModelSpec
from airworthy.training.training_labels import encode_labels


def score(spec: ModelSpec, bundle: ModelBundle, rows: pl.LazyFrame) -> tuple[Array, Array]:
    """Return labels and predictions of rows; those whose label is a class that the model has never seen are left out.

    Args:
        spec: Says which column is the label.
        bundle: The model.
        rows: The spec's inputs and its label. A piece of them is in memory at a time.

    Returns:
        Labels of shape (rows,): values or class codes; predictions as the model gives them.
    """
    classes = bundle.manifest.classes
    labels: list[Array] = [np.empty(0)]
    predictions: list[Array] = [np.empty((0, len(classes)) if spec.task == "multiclass" else 0)]
    for frame in frames(rows, [*spec.inputs, spec.ingest.label]):
        target = encode_labels(frame[spec.ingest.label], classes)
        known = ~np.isnan(target)
        labels.append(target[known])
        predictions.append(bundle.predict(frame.filter(pl.Series(known))).astype(np.float64))
    return np.concatenate(labels), np.concatenate(predictions)
