"""A prediction log in a state folder of its own, and requests as clients send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest

from airworthy.bundle import Manifest
from airworthy.environment import Environment
from airworthy.predictions.log_tables import table_uri
from airworthy.predictions.prediction_ids import new_request_id
from airworthy.predictions.spool import PredictionLog, open_prediction_log

INPUTS: dict[str, Any] = {"at": "datetime", "distance": "float", "stops": "int", "city": "category"}
ROW: dict[str, Any] = {"at": "2026-03-01T08:00:00Z", "distance": 2.5, "stops": 3, "city": "Oslo"}
CLASSES = ["early", "late"]

Record = Callable[..., list[str]]


def manifest(task: Any = "regression", inputs: dict[str, Any] | None = None) -> Manifest:
    """Return the manifest of a version's bundle."""
    classes = CLASSES if task == "multiclass" else []
    return Manifest(
        model="eta",
        task=task,
        inputs=INPUTS if inputs is None else inputs,
        features=[],
        classes=classes,
    )


def body_of(rows: list[dict[str, Any]]) -> bytes:
    """Return a request's body."""
    return json.dumps({"dataframe_records": rows}).encode()


@pytest.fixture
def log(environment: Environment) -> Iterator[PredictionLog]:
    """The log of a server in this environment."""
    opened = open_prediction_log(environment)
    yield opened
    opened.close()


@pytest.fixture
def record(log: PredictionLog) -> Record:
    """Log a request of some rows; returns its prediction ids."""

    def record(
        rows: int = 1,
        body: bytes | None = None,
        predictions: list[Any] | None = None,
        version: str = "1",
        arm: str = "champion",
        described: Manifest | None = None,
    ) -> list[str]:
        request = new_request_id()
        content = body_of([ROW] * rows) if body is None else body
        answered = [1.5] * rows if predictions is None else predictions
        assert log.record(
            request, "eta", version, arm, "someone", content, answered, described or manifest()
        )
        return [f"{request}:{row}" for row in range(len(answered))]

    return record


def in_lake(
    environment: Environment, kind: str = "predictions", model: str = "eta"
) -> pl.DataFrame:
    """Return a whole table of the log.

    Args:
        environment: The environment.
        kind: Of the records.
        model: The model's name.
    """
    return pl.read_delta(table_uri(environment, model, kind))
