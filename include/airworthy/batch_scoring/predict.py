"""Rows -> predictions, by a bundle's own features and booster; and the rows that it has no answer to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from xgboost.core import XGBoostError

from airworthy.bundle import ModelBundle
from airworthy.lake.conform import quarantine_rows

Answers = np.ndarray[Any, np.dtype[np.float32]]
NOT_FINITE = "the prediction is not a finite number"
_SHOWN = 200


@dataclass(frozen=True)
class Predicted:
    """Some rows, scored.

    Attributes:
        rows: Those that have a prediction, in their order: columns that were kept, `prediction`, `probabilities`,
            `predicted_class`.
        unscorable: Columns `reason` and `row` (the row as JSON), one line for each of the others.
    """

    rows: pl.DataFrame
    unscorable: pl.DataFrame


def predict(
    bundle: ModelBundle, frame: pl.DataFrame, kept: Sequence[pl.Expr], most_unscorable: float
) -> Predicted:
    """Score rows as the model server would.

    Args:
        bundle: The version's.
        frame: The bundle's inputs in their declared types, and what else is kept; at least one row.
        kept: What stands beside each prediction.
        most_unscorable: With more rows than this that cannot be scored, the others are not looked at any more.
    """
    scored: list[pl.DataFrame] = []
    unscorable: list[pl.DataFrame] = []
    for part, answers in _answered(bundle, frame):
        if sum(found.height for found in unscorable) > most_unscorable:
            break
        if isinstance(answers, str):
            unscorable.append(_unscorable(part, answers))
            continue
        finite = np.isfinite(answers) if answers.ndim == 1 else np.isfinite(answers).all(axis=1)
        scored.append(_rows(bundle, part.filter(pl.Series(finite)), answers[finite], kept))
        if not finite.all():
            unscorable.append(_unscorable(part.filter(pl.Series(~finite)), NOT_FINITE))
    none = _unscorable(frame.clear(), "")
    return Predicted(
        pl.concat(scored or [_none(bundle, frame, kept)]), pl.concat([none, *unscorable])
    )


def _answered(
    bundle: ModelBundle, frame: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, Answers | str]]:
    """Return the rows in pieces, each with its answers, or with the reason why a single row has none.

    One row that the features cannot take fails all that are computed with it: halves find it.
    """
    try:
        answers = bundle.predict(frame.select(list(bundle.manifest.inputs)))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, XGBoostError) as error:
        if frame.height > 1:
            half = frame.height // 2
            yield from _answered(bundle, frame[:half])
            yield from _answered(bundle, frame[half:])
            return
        yield frame, f"the features cannot be computed: {' '.join(str(error).split())[:_SHOWN]}"
        return
    yield frame, answers


def _rows(
    bundle: ModelBundle, frame: pl.DataFrame, answers: Answers, kept: Sequence[pl.Expr]
) -> pl.DataFrame:
    """Return predictions in the columns of the log of the model server's: float32 in its exact value as float64."""
    beside = frame.select(kept)
    if bundle.manifest.task != "multiclass":
        return beside.with_columns(
            pl.Series("prediction", answers, dtype=pl.Float64),
            pl.lit(None, pl.List(pl.Float64)).alias("probabilities"),
            pl.lit(None, pl.String).alias("predicted_class"),
        )
    best = answers.argmax(axis=1)
    classes = pl.Series(bundle.manifest.classes, dtype=pl.String)
    return beside.with_columns(
        pl.Series("prediction", best, dtype=pl.Float64),
        pl.Series("probabilities", answers.astype(np.float64)).cast(pl.List(pl.Float64)),
        classes.gather(pl.Series(best)).alias("predicted_class"),
    )


def _none(bundle: ModelBundle, frame: pl.DataFrame, kept: Sequence[pl.Expr]) -> pl.DataFrame:
    width = len(bundle.manifest.classes)
    return _rows(
        bundle, frame.clear(), np.empty((0, width) if width else (0,), dtype=np.float32), kept
    )


def _unscorable(frame: pl.DataFrame, reason: str) -> pl.DataFrame:
    return quarantine_rows(
        frame, pl.repeat(reason, frame.height, dtype=pl.String, eager=True).alias("reason")
    )
