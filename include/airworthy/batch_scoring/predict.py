"""Predicts rows with a bundle's features and booster. Pure.

Rows without a prediction are returned with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from xgboost.core import XGBoostError

from airworthy.bundle import ModelBundle
from airworthy.lake.unusable_rows import quarantine_rows

Predictions = np.ndarray[Any, np.dtype[np.float32]]
NOT_FINITE = "the prediction is not a finite number"
_MAX_ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class ScoredRows:
    """Scored rows.

    Attributes:
        rows: The rows with a prediction, in their order: the kept columns, `prediction`,
            `probabilities`, `predicted_class`.
        unscorable: The other rows: columns `reason` and `row` (the row as JSON).
    """

    rows: pl.DataFrame
    unscorable: pl.DataFrame


def predict(
    bundle: ModelBundle,
    frame: pl.DataFrame,
    kept_columns: Sequence[pl.Expr],
    max_unscorable: float,
) -> ScoredRows:
    """Score rows as the model server does.

    Args:
        bundle: The version's bundle.
        frame: At least one row: the bundle's inputs in their declared types, and the kept columns.
        kept_columns: The columns beside each prediction.
        max_unscorable: Scoring stops after more unscorable rows than this.
    """
    scored: list[pl.DataFrame] = []
    unscorable: list[pl.DataFrame] = []
    for part, predictions in _predict_parts(bundle, frame):
        if sum(failed.height for failed in unscorable) > max_unscorable:
            break
        if isinstance(predictions, str):
            unscorable.append(_unscorable_rows(part, predictions))
            continue
        by_value = np.isfinite(predictions)
        finite = by_value if predictions.ndim == 1 else by_value.all(axis=1)
        scored.append(
            _scored_rows(bundle, part.filter(pl.Series(finite)), predictions[finite], kept_columns)
        )
        if not finite.all():
            unscorable.append(_unscorable_rows(part.filter(pl.Series(~finite)), NOT_FINITE))
    no_rows = _unscorable_rows(frame.clear(), "")
    return ScoredRows(
        pl.concat(scored or [_no_scored_rows(bundle, frame, kept_columns)]),
        pl.concat([no_rows, *unscorable]),
    )


def _predict_parts(
    bundle: ModelBundle, frame: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, Predictions | str]]:
    """Yield the rows in parts, each with its predictions. A failing row comes with the reason.

    One bad row fails all rows computed with it. Bisection finds it.
    """
    try:
        matrix = bundle.features.matrix(frame.select(list(bundle.manifest.inputs)))
        infinite = bundle.infinite(frame, matrix)
        predictions = bundle.predict_matrix(matrix)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, XGBoostError) as error:
        if frame.height > 1:
            half = frame.height // 2
            yield from _predict_parts(bundle, frame[:half])
            yield from _predict_parts(bundle, frame[half:])
            return
        message = " ".join(str(error).split())[:_MAX_ERROR_CHARACTERS]
        yield frame, f"the features cannot be computed: {message}"
        return
    if infinite:
        yield from _split_infinite(frame, matrix, predictions, bundle)
        return
    yield frame, predictions


def _split_infinite(
    frame: pl.DataFrame, matrix: Predictions, predictions: Predictions, bundle: ModelBundle
) -> Iterator[tuple[pl.DataFrame, Predictions | str]]:
    """Yield rows in their order: runs of rows with a prediction, and rows with a reason."""
    names = [
        bundle.infinite(frame[row : row + 1], matrix[row : row + 1]) for row in range(len(matrix))
    ]
    start = 0
    for row, found in enumerate(names):
        if not found:
            continue
        if row > start:
            yield frame[start:row], predictions[start:row]
        yield (
            frame[row : row + 1],
            f"feature {found[0].name!r} is infinite where {found[0].received}",
        )
        start = row + 1
    if start < frame.height:
        yield frame[start:], predictions[start:]


def _scored_rows(
    bundle: ModelBundle,
    frame: pl.DataFrame,
    predictions: Predictions,
    kept_columns: Sequence[pl.Expr],
) -> pl.DataFrame:
    """Return predictions in the columns of the prediction log. float32 becomes float64 exactly."""
    kept = frame.select(kept_columns)
    if bundle.manifest.task != "multiclass":
        return kept.with_columns(
            pl.Series("prediction", predictions, dtype=pl.Float64),
            pl.lit(None, pl.List(pl.Float64)).alias("probabilities"),
            pl.lit(None, pl.String).alias("predicted_class"),
        )
    best = predictions.argmax(axis=1)
    classes = pl.Series(bundle.manifest.classes, dtype=pl.String)
    return kept.with_columns(
        pl.Series("prediction", best, dtype=pl.Float64),
        pl.Series("probabilities", predictions.astype(np.float64)).cast(pl.List(pl.Float64)),
        classes.gather(pl.Series(best)).alias("predicted_class"),
    )


def _no_scored_rows(
    bundle: ModelBundle, frame: pl.DataFrame, kept_columns: Sequence[pl.Expr]
) -> pl.DataFrame:
    width = len(bundle.manifest.classes)
    no_predictions = np.empty((0, width) if width else (0,), dtype=np.float32)
    return _scored_rows(bundle, frame.clear(), no_predictions, kept_columns)


def _unscorable_rows(frame: pl.DataFrame, reason: str) -> pl.DataFrame:
    return quarantine_rows(
        frame, pl.repeat(reason, frame.height, dtype=pl.String, eager=True).alias("reason")
    )
