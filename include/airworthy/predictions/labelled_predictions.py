"""Predictions joined with their labels, to measure a model's performance.

A label arrives in one of two ways: by a prediction's id (``POST /models/<model>/labels``), or with
the model's own data, by the key in the request. A label by id takes precedence, and the last one of
several by id.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from airworthy.category_text import texts_of
from airworthy.environment import Environment
from airworthy.features import POLARS_TYPES
from airworthy.lake import delta
from airworthy.lake.lake import open_lake
from airworthy.predictions.log_rows import INPUT_PREFIX, KEY_PREFIX, LABEL_COLUMNS
from airworthy.predictions.log_tables import scan_days, scan_predictions, table_uri
from airworthy.predictions.spool import LABELS
from airworthy.spec import ModelSpec
from airworthy.spec.ingest_part import PARTITION

_LAST_DAY = "9999-12-31"


def labelled_predictions(
    environment: Environment, spec: ModelSpec, start: datetime, end: datetime
) -> pl.LazyFrame:
    """Return the labelled predictions of a window.

    Args:
        environment: The environment with the lake.
        spec: The model's spec, with its key and its label.
        start: The start of the window of answers, UTC.
        end: Its end, UTC, exclusive.

    Returns:
        The columns of the prediction log, and `label`: a value, 0 or 1. For a multiclass model
        `label_text` is the class's name.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    predictions = scan_predictions(environment, spec.model, start, end)
    labelled = predictions.join(_labels_by_id(environment, spec, start), on="id", how="left")
    by_key = _labels_by_key(environment, spec, predictions)
    if by_key is not None:
        keys = [KEY_PREFIX + name for name in spec.ingest.key]
        labelled = labelled.join(by_key, on=keys, how="left").with_columns(
            label=pl.coalesce("label", "data_label"),
            label_text=pl.coalesce("label_text", "data_label_text"),
        )
        labelled = labelled.drop("data_label", "data_label_text")
    return labelled.filter(pl.col("label").is_not_null() | pl.col("label_text").is_not_null())


def _labels_by_id(environment: Environment, spec: ModelSpec, start: datetime) -> pl.LazyFrame:
    # A label arrives after its prediction, at any time.
    sent = scan_days(
        table_uri(environment, spec.model, LABELS), start.date().isoformat(), _LAST_DAY
    )
    if sent is None:
        sent = pl.LazyFrame(schema=LABEL_COLUMNS)
    last = sent.sort("time", maintain_order=True).unique("id", keep="last")
    text = pl.col("text")
    if spec.task == "multiclass":
        # A class learnt from integers may be sent as a number.
        text = pl.coalesce(text, texts_of(pl.col("value"), pl.Float64()))
    return last.select("id", label="value", label_text=text)


def _labels_by_key(
    environment: Environment, spec: ModelSpec, predictions: pl.LazyFrame
) -> pl.LazyFrame | None:
    """Return the labels of the predictions' event days by key. None without a key to join by.

    A row's number within its day is no key that a request has.
    """
    key = spec.ingest.key
    if not key:
        return None
    event = INPUT_PREFIX + spec.ingest.event_time
    schema = predictions.collect_schema()
    has_key = all(
        schema.get(KEY_PREFIX + name) == POLARS_TYPES[kind]
        for name, kind in spec.ingest.key_types.items()
    )
    table = delta.open_table(open_lake(environment, spec.model).data_uri)
    if not has_key or table is None:
        return None
    data = delta.scan(table)
    if not spec.ingest.static:
        if event not in schema:
            return None
        # Where no feature reads it, a request may have no event time: its label comes on any later day.
        day = pl.coalesce(pl.col(event), pl.col("time")).dt.strftime("%Y-%m-%d")
        any_later = pl.col(event).is_null().any()
        last_day = pl.when(any_later).then(pl.lit(_LAST_DAY)).otherwise(day.max())
        days = predictions.select(first=day.min(), last=last_day).collect()
        data = data.filter(
            pl.col(PARTITION).is_between(pl.lit(days["first"][0]), pl.lit(days["last"][0]))
        )
    is_text = spec.task == "multiclass"
    label = pl.col(spec.ingest.label)
    return data.select(
        *(pl.col(name).alias(KEY_PREFIX + name) for name in key),
        data_label=pl.lit(None, pl.Float64) if is_text else label.cast(pl.Float64),
        data_label_text=label.cast(pl.String) if is_text else pl.lit(None, pl.String),
    ).unique([KEY_PREFIX + name for name in key], keep="last")
