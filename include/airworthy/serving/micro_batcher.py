"""Small requests that arrive together are predicted together.

What Polars and XGBoost cost for a few rows is mostly fixed per call. Requests that the event loop has read in one turn
share one call, at the end of that turn: nobody waits for a timer, and a request that comes alone goes alone.
"""

from __future__ import annotations

import asyncio
from typing import Any

from airworthy.serving.loaded_model import LoadedModel

_SMALL_ROWS = 16
_MOST_ROWS = 512

_Waiting = tuple[list[list[Any]], "asyncio.Future[list[Any]]"]


class MicroBatcher:
    """Requests of this turn of the event loop, by the version that they started with."""

    def __init__(self) -> None:
        """Start with none."""
        self._waiting: dict[LoadedModel, list[_Waiting]] = {}

    async def predict(self, loaded: LoadedModel, columns: list[list[Any]]) -> list[Any]:
        """Return one prediction per row of what `LoadedModel.read` gave.

        Raises:
            RefusedError: when the model's expressions cannot take these values; other requests are not concerned.
        """
        if len(columns[0]) > _SMALL_ROWS:
            return loaded.predict_columns(columns)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()
        waiting = self._waiting.setdefault(loaded, [])
        waiting.append((columns, answer))
        if len(waiting) == 1:
            loop.call_soon(self._predict_all, loaded)
        return await answer

    def _predict_all(self, loaded: LoadedModel) -> None:
        waiting = self._waiting.pop(loaded)
        share: list[_Waiting] = []
        rows = 0
        for one in waiting:
            share.append(one)
            rows += len(one[0][0])
            if rows >= _MOST_ROWS:
                _predict_share(loaded, share)
                share, rows = [], 0
        if share:
            _predict_share(loaded, share)


def _predict_share(loaded: LoadedModel, share: list[_Waiting]) -> None:
    if len(share) == 1:
        _predict_one(loaded, *share[0])
        return
    joined = [
        [value for part in parts for value in part]
        for parts in zip(*(one[0] for one in share), strict=True)
    ]
    try:
        predictions = loaded.predict_columns(joined)
    except Exception:
        # One request's values are not to spoil the answers of the others: each is told its own fault.
        for columns, answer in share:
            _predict_one(loaded, columns, answer)
        return
    start = 0
    for columns, answer in share:
        end = start + len(columns[0])
        if not answer.done():
            answer.set_result(predictions[start:end])
        start = end


def _predict_one(
    loaded: LoadedModel, columns: list[list[Any]], answer: asyncio.Future[list[Any]]
) -> None:
    if answer.done():
        return
    try:
        answer.set_result(loaded.predict_columns(columns))
    except Exception as error:
        # Whatever it is belongs to the request that waits for it.
        answer.set_exception(error)
