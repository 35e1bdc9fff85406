"""Predictions of a champion for labelled rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.bundle import ModelBundle
from airworthy.monitoring.live_rows import read_batches
from airworthy.spec import ModelSpec
from airworthy.training.training_labels import encode_labels


def predict_labelled(
    spec: ModelSpec, bundle: ModelBundle, rows: pl.LazyFrame
) -> tuple[Array, Array]:
    """Return labels and predictions of rows, without rows of classes unknown to the model.

    Args:
        spec: Names the label.
        bundle: The model.
        rows: Rows with the spec's inputs and its label. One batch is in memory at a time.

    Returns:
        Labels: values or class codes, shape (rows,). Predictions: shape (rows,), or (rows, classes)
        for a multiclass task.
    """
    classes = bundle.manifest.classes
    labels: list[Array] = [np.empty(0)]
    predictions: list[Array] = [np.empty((0, len(classes)) if spec.task == "multiclass" else 0)]
    for batch in read_batches(rows, [*spec.inputs, spec.ingest.label]):
        codes = encode_labels(batch[spec.ingest.label], classes)
        known = ~np.isnan(codes)
        labels.append(codes[known])
        predictions.append(bundle.predict(batch.filter(pl.Series(known))).astype(np.float64))
    return np.concatenate(labels), np.concatenate(predictions)
