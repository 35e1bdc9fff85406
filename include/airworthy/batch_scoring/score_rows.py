"""The rows of the tables of batch predictions. Pure.

A prediction's row has what `COLUMNS` says, and ``key_<column>`` for each column of the spec's key: the row's key, as in
the log of the model server's predictions.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from airworthy.batch_scoring.scored_partition import ScoredPartition

UTC_MICROSECONDS = pl.Datetime("us", "UTC")
# `prediction` is a value, the positive class's probability, or the code of the most probable class.
COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(), "request_id": pl.String(), "row": pl.Int64(), "event_time": UTC_MICROSECONDS,
    "prediction": pl.Float64(), "probabilities": pl.List(pl.Float64()), "predicted_class": pl.String(),
    "model_version": pl.String(), "bundle_digest": pl.String(), "scored_at": UTC_MICROSECONDS, "run_id": pl.String(),
}  # fmt: skip
QUARANTINE_COLUMNS: dict[str, pl.DataType] = {
    "reason": pl.String(), "row": pl.String(), "model_version": pl.String(), "bundle_digest": pl.String(),
    "scored_at": UTC_MICROSECONDS, "run_id": pl.String(),
}  # fmt: skip


def prediction_rows(predicted: pl.DataFrame, record: ScoredPartition) -> pl.DataFrame:
    """Return a partition's rows: what `predict` gave, numbered, each with who predicted it and when."""
    numbered = predicted.with_row_index("row").with_columns(
        pl.lit(record.request_id).alias("request_id"),
        pl.format("{}:{}", pl.lit(record.request_id), pl.col("row")).alias("id"),
    )
    return _told(numbered, record, COLUMNS)


def quarantined_rows(unscorable: pl.DataFrame, record: ScoredPartition) -> pl.DataFrame:
    """Return the rows that could not be scored, each with who could not and when."""
    return _told(unscorable, record, QUARANTINE_COLUMNS)


def _told(
    rows: pl.DataFrame, record: ScoredPartition, columns: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    told = rows.with_columns(
        pl.lit(record.model_version).alias("model_version"),
        pl.lit(record.bundle_digest).alias("bundle_digest"),
        pl.lit(record.scored_at).alias("scored_at"),
        pl.lit(record.run_id).alias("run_id"),
    )
    beside = [name for name in told.columns if name not in columns]
    return told.select(*(pl.col(name).cast(kind) for name, kind in columns.items()), *beside)
