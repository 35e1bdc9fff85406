"""The rows of the tables of batch predictions. Pure.

A prediction's row has the `COLUMNS`, and ``key_<column>`` for each column of the spec's key, as in
the prediction log.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.lake.times import UTC_MICROSECONDS

# `prediction` is a value, the positive class's probability, or the code of the most probable class.
COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "request_id": pl.String(),
    "row": pl.Int64(),
    "event_time": UTC_MICROSECONDS,
    "prediction": pl.Float64(),
    "probabilities": pl.List(pl.Float64()),
    "predicted_class": pl.String(),
    "model_version": pl.String(),
    "bundle_digest": pl.String(),
    "scored_at": UTC_MICROSECONDS,
    "run_id": pl.String(),
}
QUARANTINE_COLUMNS: dict[str, pl.DataType] = {
    "reason": pl.String(),
    "row": pl.String(),
    "model_version": pl.String(),
    "bundle_digest": pl.String(),
    "scored_at": UTC_MICROSECONDS,
    "run_id": pl.String(),
}


def prediction_rows(predicted: pl.DataFrame, record: ScoredPartition) -> pl.DataFrame:
    """Return a partition's rows: the rows of `predict`, numbered, with version, time and run."""
    numbered = predicted.with_row_index("row").with_columns(
        pl.lit(record.request_id).alias("request_id"),
        pl.format("{}:{}", pl.lit(record.request_id), pl.col("row")).alias("id"),
    )
    return _with_origin(numbered, record, COLUMNS)


def quarantined_rows(unscorable: pl.DataFrame, record: ScoredPartition) -> pl.DataFrame:
    """Return the unscorable rows of `predict`, with version, time and run."""
    return _with_origin(unscorable, record, QUARANTINE_COLUMNS)


def _with_origin(
    rows: pl.DataFrame, record: ScoredPartition, columns: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    with_origin = rows.with_columns(
        pl.lit(record.model_version).alias("model_version"),
        pl.lit(record.bundle_digest).alias("bundle_digest"),
        pl.lit(record.scored_at).alias("scored_at"),
        pl.lit(record.run_id).alias("run_id"),
    )
    others = [name for name in with_origin.columns if name not in columns]
    ordered = [pl.col(name).cast(kind) for name, kind in columns.items()]
    return with_origin.select(*ordered, *others)
