"""A process that reads and scores the largest requests.

JSON of megabytes holds Python's lock for as long as it is parsed, whichever thread does it. In
another process it holds up nobody. That process gets the verified version itself, not its files.
It starts with the first large request, runs with a lower priority, and ends with the server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, NamedTuple, TypeVar, TypeVarTuple, Unpack

import numpy as np

from airworthy.bundle import ModelBundle
from airworthy.protocol.contract_check import Outside
from airworthy.protocol.refusals import RefusedError
from airworthy.serving.loaded_model import JudgedAnswer, Limits, LoadedModel

log = logging.getLogger(__name__)

_LOWER_PRIORITY = 5
_MAX_VERSIONS = 8

_Key = tuple[str, str, str]
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class _Scored(NamedTuple):
    """A `JudgedAnswer` as it comes back: an array is read many times faster than a list."""

    rows: int
    outside: Outside | None
    predictions: np.ndarray[Any, np.dtype[np.float32]]


class ScoringProcess:
    """One process for the large requests of one server. All of this runs on the event loop."""

    def __init__(self) -> None:
        """Start no process yet."""
        self._pool: ProcessPoolExecutor | None = None
        self._pickled: dict[_Key, bytes | None] = {}

    async def predict(
        self, loaded: LoadedModel, body: bytes, limits: Limits, *, judged: bool
    ) -> JudgedAnswer:
        """Return one prediction per row of a body.

        Args:
            loaded: The version.
            body: The request's body.
            limits: The limits of one request.
            judged: Whether the version's contract is asked.

        Raises:
            RefusedError: when the body is malformed. It names the fault. 503 when the process
                ended, for example because the machine has no memory left.
        """
        key = (loaded.model, loaded.version, loaded.digest)
        pickled = await self._pickle(key, loaded)
        if pickled is None:
            score = loaded.predict_judged if judged else loaded.score
            return await asyncio.to_thread(score, body, limits)
        scored = await self.call(_score, key, body, limits, judged)
        if scored is None:
            scored = await self.call(_load_and_score, pickled, key, body, limits, judged)
        return JudgedAnswer(scored.rows, scored.outside, scored.predictions.tolist())

    async def call(
        self, function: Callable[[Unpack[_Arguments]], _Result], *args: *_Arguments
    ) -> _Result:
        """Return a function's result, computed in the process.

        Args:
            function: A function of a module.
            *args: Its arguments. They are pickled, as is the result.

        Raises:
            RefusedError: 503 when the process ended.
        """
        pool = self._pool = self._pool or _new_pool()
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *args)
        except BrokenProcessPool:
            self._give_up(pool)
            raise _ended() from None

    async def close(self) -> None:
        """End the process, after the request that it scores. Others are not answered."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    def _give_up(self, pool: ProcessPoolExecutor) -> None:
        log.error("the process for large requests has ended; the next one starts another")
        pool.shutdown(wait=False, cancel_futures=True)
        if self._pool is pool:
            self._pool = None

    async def _pickle(self, key: _Key, loaded: LoadedModel) -> bytes | None:
        """Return a version's parts for another process; None when they cannot be moved."""
        if key not in self._pickled:
            if len(self._pickled) >= _MAX_VERSIONS:
                del self._pickled[next(iter(self._pickled))]
            self._pickled[key] = await asyncio.to_thread(_pickled, loaded)
        return self._pickled[key]


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_prepare)


def _pickled(loaded: LoadedModel) -> bytes | None:
    try:
        return pickle.dumps(loaded.bundle)
    except Exception as error:
        # Such as an expression with a function of its own.
        log.info("%s: version %s stays in its process: %s", loaded.model, loaded.version, error)
        return None


def _ended() -> RefusedError:
    return RefusedError(
        503,
        "the process for large requests has ended",
        next_step="send the request again in a moment, or its rows in several requests",
    )


# Below: the other process.
_versions: dict[_Key, LoadedModel] = {}


def _prepare() -> None:
    """Leave the signals to the server, let small requests go first, and end with the server."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    os.nice(_LOWER_PRIORITY)
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    server = parent_process()
    if server is not None:
        server.join()
        os._exit(0)


def _score(key: _Key, body: bytes, limits: Limits, judged: bool) -> _Scored | None:
    """Return the predictions; None when the version is not here yet."""
    loaded = _versions.get(key)
    return _scored(loaded, body, limits, judged=judged) if loaded else None


def _load_and_score(
    pickled: bytes,
    key: _Key,
    body: bytes,
    limits: Limits,
    judged: bool,
) -> _Scored:
    bundle: ModelBundle = pickle.loads(pickled)  # noqa: S301 - from the server itself
    bundle.booster.set_param({"nthread": 1})
    if len(_versions) >= _MAX_VERSIONS:
        del _versions[next(iter(_versions))]
    loaded = _versions[key] = LoadedModel(*key, bundle)
    return _scored(loaded, body, limits, judged=judged)


def _scored(loaded: LoadedModel, body: bytes, limits: Limits, *, judged: bool) -> _Scored:
    answer = loaded.predict_judged(body, limits) if judged else loaded.score(body, limits)
    return _Scored(answer.rows, answer.outside, np.asarray(answer.predictions, dtype=np.float32))
