"""Shadows: challengers are asked what champions have answered, once the answers are out.

They wait a moment for each other, so that small ones are predicted together, and between two such shares the requests
that have come meanwhile go first: a request waits for one share at most. What comes faster is dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from airworthy.serving.live_rollouts import LiveRollout
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.server_metrics import Metrics

log = logging.getLogger(__name__)

MOST_WAITING = 1000
MOST_BYTES = 32 * 1024 * 1024
_GATHER_SECONDS = 0.05
_SHARE = 16


@dataclass(frozen=True, slots=True)
class Shadow:
    """A request that a challenger is asked as well."""

    live: LiveRollout
    challenger: LoadedModel
    request_id: str
    key: str
    body: bytes


class ShadowQueue:
    """Shadows that wait for their turn."""

    def __init__(
        self,
        ask: Callable[[Shadow], Awaitable[None]],
        metrics: Metrics,
        small_bytes: int,
        most_waiting: int = MOST_WAITING,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Prepare a queue.

        Args:
            ask: Asks the challenger and counts what it does.
            metrics: Counts what is dropped.
            small_bytes: Bodies up to this size are asked together.
            most_waiting: How many requests may wait.
            most_bytes: How many bytes their bodies may have together.
        """
        self._ask = ask
        self._metrics = metrics
        self._small_bytes = small_bytes
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._waiting: deque[Shadow] = deque()
        self._bytes = 0
        self._came = asyncio.Event()

    def offer(self, shadow: Shadow) -> None:
        """Queue a shadow, or drop it when too many wait."""
        if (
            len(self._waiting) >= self._most_waiting
            or self._bytes + len(shadow.body) > self._most_bytes
        ):
            self._metrics.shadow_dropped(shadow.challenger)
            return
        self._waiting.append(shadow)
        self._bytes += len(shadow.body)
        self._came.set()

    async def run(self) -> None:
        """Ask share after share, until cancelled."""
        while True:
            await self._came.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._came.clear()
            while self._waiting:
                failures = await asyncio.gather(
                    *map(self._ask, self._next_share()), return_exceptions=True
                )
                for failure in filter(None, failures):
                    # It concerns nobody but the guard, which sees what is missing.
                    log.error("a shadow could not be counted: %r", failure)
                await asyncio.sleep(0)

    def _next_share(self) -> list[Shadow]:
        """Take some small requests, or one large one, which is predicted in a thread."""
        share: list[Shadow] = []
        while self._waiting and len(share) < _SHARE:
            small = len(self._waiting[0].body) <= self._small_bytes
            if share and not small:
                break
            share.append(self._waiting.popleft())
            self._bytes -= len(share[-1].body)
            if not small:
                break
        return share
