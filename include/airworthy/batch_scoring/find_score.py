"""One batch prediction by its id, be it replaced since or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from airworthy.batch_scoring.score_table import BatchPredictions
from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.environment import Environment
from airworthy.predictions.prediction_ids import split_prediction_id


class FoundScore(NamedTuple):
    """A row of a model's table of batch predictions, and the partition that it was written with."""

    model: str
    row: dict[str, Any]
    record: ScoredPartition


def find_scored(environment: Environment, models: Iterable[str], text: str) -> FoundScore | None:
    """Return a batch prediction, or None when none of the models made it.

    Args:
        environment: Where to look.
        models: The names of the models to look at.
        text: ``<request id>:<row>``; a request's id alone means its first row.

    Raises:
        ValueError: when what follows the colon is no row number.
        TransientError: when the lake cannot be reached.
    """
    request_id, number = split_prediction_id(text)
    for model in models:
        table = BatchPredictions(environment, model)
        for record in table.history():
            row = table.row(record, number) if record.request_id == request_id else None
            if row is not None:
                return FoundScore(model, row, record)
    return None
