"""Shadow requests: challengers predict the champions' requests again, after the answers are sent.

They wait a moment for others, and small ones are predicted in one batch. Between two batches, new
requests go first: a request waits for one batch at most. Shadows beyond the queue's limits are
dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from airworthy.serving.live_rollouts import LiveRollout
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.server_metrics import ServerMetrics

log = logging.getLogger(__name__)

MAX_WAITING = 1000
MAX_BYTES = 32 * 1024 * 1024
_GATHER_SECONDS = 0.05
_BATCH_REQUESTS = 16


@dataclass(frozen=True, slots=True)
class Shadow:
    """A request for a challenger to predict too."""

    live: LiveRollout
    challenger: LoadedModel
    request_id: str
    key: str
    body: bytes
    client: str = ""


class ShadowQueue:
    """Waiting shadow requests."""

    def __init__(
        self,
        predict: Callable[[Shadow], Awaitable[None]],
        metrics: ServerMetrics,
        small_bytes: int,
        max_waiting: int = MAX_WAITING,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Prepare a queue.

        Args:
            predict: Predicts with the challenger, counts and logs the result.
            metrics: Counts dropped shadows.
            small_bytes: Bodies up to this size are predicted in one batch.
            max_waiting: The largest number of waiting requests.
            max_bytes: The largest total size of their bodies, in bytes.
        """
        self._predict = predict
        self._metrics = metrics
        self._small_bytes = small_bytes
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._waiting: deque[Shadow] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()

    def offer(self, shadow: Shadow) -> None:
        """Queue a shadow. A full queue drops it."""
        if (
            len(self._waiting) >= self._max_waiting
            or self._bytes + len(shadow.body) > self._max_bytes
        ):
            self._metrics.record_dropped_shadow(shadow.challenger)
            return
        self._waiting.append(shadow)
        self._bytes += len(shadow.body)
        self._arrived.set()

    async def run(self) -> None:
        """Predict batch after batch, until cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._arrived.clear()
            while self._waiting:
                failures = await asyncio.gather(
                    *map(self._predict, self._next_batch()), return_exceptions=True
                )
                for failure in filter(None, failures):
                    # Only the guard needs the count, and it notices a missing request.
                    log.error("a shadow could not be counted: %r", failure)
                await asyncio.sleep(0)

    def _next_batch(self) -> list[Shadow]:
        """Take some small requests, or one large request. A large one is predicted in a thread."""
        batch: list[Shadow] = []
        while self._waiting and len(batch) < _BATCH_REQUESTS:
            small = len(self._waiting[0].body) <= self._small_bytes
            if batch and not small:
                break
            batch.append(self._waiting.popleft())
            self._bytes -= len(batch[-1].body)
            if not small:
                break
        return batch
