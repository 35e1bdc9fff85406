"""Finds an answered row by its prediction id: an answer of the model server, or of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from airworthy.batch_scoring.find_score import ScoredRow, find_scored_row
from airworthy.batch_scoring.scoring_inputs import PART
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.lake.lake import open_lake
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.predictions.find_prediction import (
    LoggedPrediction,
    find_prediction,
    values_by_name,
)
from airworthy.predictions.log_rows import KEY_PREFIX
from airworthy.predictions.prediction_ids import split_prediction_id


@dataclass(frozen=True)
class Answer:
    """One answered row.

    Attributes:
        id: The prediction's id.
        model: The model's name.
        version: The version that answered.
        digest: The digest of its files, as registered.
        source: ``champion``, ``challenger``, or ``batch``.
        time: The time of the answer, UTC.
        row: The raw row, by column.
        value: The value, the positive class's probability, or the probabilities of all classes.
        predicted_class: The most probable class of a multiclass model, or None.
    """

    id: str
    model: str
    version: str
    digest: str
    source: str
    time: datetime
    row: dict[str, Any]
    value: float | list[float | None] | None
    predicted_class: str | None


def find_answer(environment: Environment, models: Iterable[str], text: str) -> Answer:
    """Return the answered row with a prediction id.

    Args:
        environment: The environment with spool, lake and ledgers.
        models: The models to look at.
        text: ``<request id>:<row>``. A request's id alone means its first row.

    Raises:
        TerminalError: when no model has it, or its row is gone.
        TransientError: when the lake cannot be reached.
    """
    names = list(models)
    try:
        split_prediction_id(text)
    except ValueError:
        raise _unknown(text, names) from None
    for model in names:
        prediction = find_prediction(environment, model, text)
        if prediction is not None:
            return _served(environment, prediction)
    scored = find_scored_row(environment, names, text)
    if scored is None:
        raise _unknown(text, names)
    return _scored(environment, scored)


def _unknown(text: str, models: list[str]) -> TerminalError:
    return TerminalError(
        "no prediction has this id",
        received=text,
        allowed="the prediction id of an answer, of " + (", ".join(models) or "any model"),
        next_step="copy it from the answer's x-request-id or from the table of predictions; "
        "airworthy collect --all brings the newest answers into the lake",
    )


def _served(environment: Environment, prediction: LoggedPrediction) -> Answer:
    entries = of_kind(open_ledger(environment, prediction.model).entries(), Registration)
    digests = [
        entry.event.bundle_digest
        for entry in entries
        if entry.event.version == prediction.model_version and entry.event.bundle_digest
    ]
    if not digests:
        raise TerminalError(
            f"the ledger names no files of version {prediction.model_version}",
            model=prediction.model,
            received=f"prediction {prediction.id}",
            allowed="a version with the digest of its files in the ledger",
            next_step=f"airworthy ledger {prediction.model}",
        )
    values = prediction.probabilities
    return Answer(
        id=prediction.id,
        model=prediction.model,
        version=prediction.model_version,
        digest=digests[-1],
        source=prediction.arm,
        time=prediction.time,
        row=prediction.inputs,
        value=prediction.prediction if values is None else values,
        predicted_class=prediction.predicted_class,
    )


def _scored(environment: Environment, scored: ScoredRow) -> Answer:
    row, record = scored.row, scored.record
    values = row["probabilities"]
    return Answer(
        id=row["id"],
        model=scored.model,
        version=record.model_version,
        digest=record.bundle_digest,
        source="batch",
        time=row["scored_at"].astimezone(UTC),
        row=_raw_row(environment, scored),
        value=row["prediction"] if values is None else values,
        predicted_class=row["predicted_class"],
    )


def _raw_row(environment: Environment, scored: ScoredRow) -> dict[str, Any]:
    """Return the row that was scored, from the lake as it was then."""
    record = scored.record
    key = values_by_name(scored.row, KEY_PREFIX)
    lakes = [open_lake(environment, scored.model, part) for part in ("", PART)]
    lake = next(lake for lake in lakes if lake.data_uri == record.input_table)
    rows = lake.rows_at(record.input_version, date.fromisoformat(record.partition))
    same = (
        pl.DataFrame()
        if rows is None
        else rows.filter(pl.all_horizontal(pl.col(name) == value for name, value in key.items()))
    )
    if same.height != 1:
        raise TerminalError(
            f"the row of this prediction is not in the lake's version {record.input_version}",
            model=scored.model,
            received=f"{same.height} rows with the key {key}",
            allowed="one row",
            next_step=f"airworthy doctor {scored.model}",
        )
    return same.row(0, named=True)
