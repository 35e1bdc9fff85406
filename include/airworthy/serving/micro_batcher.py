"""Predicts small concurrent requests in one batch.

For a few rows, most of the cost of Polars and XGBoost is fixed per call. Requests read in one turn
of the event loop share one call at the end of the turn. No request waits for a timer. A single
request is predicted alone.
"""

from __future__ import annotations

import asyncio
from typing import Any

from airworthy.serving.loaded_model import LoadedModel

_SMALL_ROWS = 16
_MAX_BATCH_ROWS = 512

_Pending = tuple[list[list[Any]], "asyncio.Future[list[Any]]"]


class MicroBatcher:
    """The pending requests of this turn of the event loop, by version."""

    def __init__(self) -> None:
        """Start with none."""
        self._pending: dict[LoadedModel, list[_Pending]] = {}

    async def predict(self, loaded: LoadedModel, columns: list[list[Any]]) -> list[Any]:
        """Return one prediction per row of the columns returned by `LoadedModel.read`.

        Raises:
            RefusedError: when the model's expressions cannot take these values. Other requests are
                not affected.
        """
        if len(columns[0]) > _SMALL_ROWS:
            return loaded.predict_columns(columns)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        pending = self._pending.setdefault(loaded, [])
        pending.append((columns, future))
        if len(pending) == 1:
            loop.call_soon(self._predict_pending, loaded)
        return await future

    def _predict_pending(self, loaded: LoadedModel) -> None:
        pending = self._pending.pop(loaded)
        batch: list[_Pending] = []
        rows = 0
        for request in pending:
            batch.append(request)
            rows += len(request[0][0])
            if rows >= _MAX_BATCH_ROWS:
                _predict_batch(loaded, batch)
                batch, rows = [], 0
        if batch:
            _predict_batch(loaded, batch)


def _predict_batch(loaded: LoadedModel, batch: list[_Pending]) -> None:
    if len(batch) == 1:
        _predict_request(loaded, *batch[0])
        return
    joined = [
        [value for part in parts for value in part]
        for parts in zip(*(request[0] for request in batch), strict=True)
    ]
    try:
        predictions = loaded.predict_columns(joined)
    except Exception:
        # Bad values of one request must not fail the others: each gets its own error.
        for columns, future in batch:
            _predict_request(loaded, columns, future)
        return
    start = 0
    for columns, future in batch:
        end = start + len(columns[0])
        if not future.done():
            future.set_result(predictions[start:end])
        start = end


def _predict_request(
    loaded: LoadedModel, columns: list[list[Any]], future: asyncio.Future[list[Any]]
) -> None:
    if future.done():
        return
    try:
        future.set_result(loaded.predict_columns(columns))
    except Exception as error:
        # Any error belongs to the waiting request.
        future.set_exception(error)
