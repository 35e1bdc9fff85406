"""The budgets of larger requests: bytes in memory, requests under way, and bytes in the spool.

Small requests have none. They are answered at once, and the open connections bound their number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Scope

from airworthy.protocol.refusals import RefusedError
from airworthy.server_limits import ServerLimits
from airworthy.serving.address_budget import AddressBudget
from airworthy.serving.request_body import client_address


class ClientBudgets:
    """The budgets of one process. All of this runs on its event loop.

    Attributes:
        body_bytes: The bytes of bodies that are received or answered.
    """

    def __init__(self, limits: ServerLimits, *, logged: bool) -> None:
        """Start with nothing under way.

        Args:
            limits: The limits.
            logged: Whether answers are logged.
        """
        self.body_bytes = AddressBudget(
            limits.held_bytes, limits.held_bytes_per_address, "bytes of bodies"
        )
        self._requests = AddressBudget(
            limits.large_requests, limits.large_requests_per_address, "large requests"
        )
        seconds = limits.spool_time.total_seconds()
        self._spool = SpoolShare(limits.spool_bytes_per_address, seconds) if logged else None

    @contextmanager
    def large_request(self, scope: Scope, size: int, *, logged: bool) -> Iterator[None]:
        """Hold what a larger request needs until the block ends.

        Args:
            scope: The ASGI scope of the request.
            size: The size of its body in bytes.
            logged: Whether its answer is logged.

        Raises:
            RefusedError: 429 or 503, when too much is under way; 429 when the client has its share
                of the spool.
        """
        address = client_address(scope)
        with self._requests.holding(address, 1), self.body_bytes.holding(address, size):
            if self._spool is not None and logged:
                self._spool.take(address, size)
            yield


class SpoolShare:
    """The bytes that each address has put into the spool in the present period."""

    def __init__(
        self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the first period.

        Args:
            limit: The largest number of bytes of one address in a period.
            seconds: The length of a period.
            clock: Returns the time in seconds.
        """
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._ends = clock() + seconds
        self._taken: dict[str, int] = {}

    def take(self, address: str, size: int) -> None:
        """Count a request that is going to be logged.

        Raises:
            RefusedError: 429 until the period ends.
        """
        now = self._clock()
        if now >= self._ends:
            self._ends = now + self._seconds
            self._taken = {}
        taken = self._taken.get(address, 0) + size
        if taken > self._limit:
            raise self._refusal(self._ends - now)
        self._taken[address] = taken

    def _refusal(self, seconds: float) -> RefusedError:
        refused = RefusedError(
            429,
            "this client has filled its share of the prediction log",
            received=f"more than {self._limit} bytes within {self._seconds:.0f} s",
            allowed=f"{self._limit} bytes of large requests within {self._seconds:.0f} s",
            next_step=f"send the request again in {seconds:.0f} s; score many rows with "
            "airworthy score or airworthy predict",
        )
        refused.retry_after = max(1, round(seconds))
        return refused
