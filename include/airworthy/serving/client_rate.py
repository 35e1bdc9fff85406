"""The rate of each client's requests in one process: a client that sends more is refused for a moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from airworthy.protocol.refusals import RefusedError

_MOST_CLIENTS = 10_000
_BURST_SECONDS = 1.0


class ClientRate:
    """The requests of each client. All of this runs on the server's event loop.

    A client may send the requests of one second at once, and is then let through at the rate.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no requests.

        Args:
            per_second: The requests of one client in a second.
            clock: Returns the time in seconds.
        """
        self._per_second = per_second
        self._clock = clock
        # Client -> the time at which its requests so far would have come at the very rate.
        self._due: dict[str, float] = {}

    def take(self, client: str) -> None:
        """Count a request.

        Raises:
            RefusedError: 429, until the client may send the next one. It is not counted.
        """
        now = self._clock()
        due = max(self._due.get(client, now), now) + 1 / self._per_second
        # The clock's steps, added up, may be a little more than a second.
        wait = due - now - _BURST_SECONDS
        if wait > 1e-6:
            raise self._refusal(wait)
        self._due[client] = due
        if len(self._due) > _MOST_CLIENTS:
            self._due = {each: time for each, time in self._due.items() if time > now}

    def _refusal(self, seconds: float) -> RefusedError:
        refused = RefusedError(
            429,
            "this client sends too many requests",
            received=f"more than {self._per_second} requests in a second",
            allowed=f"{self._per_second} requests in a second",
            next_step="send the request again in a moment; several rows may go in one request",
        )
        refused.retry_after = math.ceil(seconds)
        return refused
