"""Finds one batch prediction by its id, also a replaced one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.environment import Environment
from airworthy.predictions.prediction_ids import split_prediction_id


class ScoredRow(NamedTuple):
    """A row of a model's table of batch predictions, with its partition's record."""

    model: str
    row: dict[str, Any]
    record: ScoredPartition


def find_scored_row(environment: Environment, models: Iterable[str], text: str) -> ScoredRow | None:
    """Return a batch prediction, or None when no model has it.

    Args:
        environment: The environment with the lake.
        models: The names of the models to search.
        text: ``<request id>:<row>``. A request's id alone means its first row.

    Raises:
        ValueError: when the text after the colon is no row number.
        TransientError: when the lake cannot be reached.
    """
    request_id, number = split_prediction_id(text)
    for model in models:
        table = BatchPredictions(environment, model)
        for record in table.history():
            row = table.row(record, number) if record.request_id == request_id else None
            if row is not None:
                return ScoredRow(model, row, record)
    return None
