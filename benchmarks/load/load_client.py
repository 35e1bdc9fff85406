"""A load generator cheaper than the servers: raw keep-alive connections, one request each at a
time.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any


@dataclass
class Measured:
    """Latencies in seconds, and for how long they were collected."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Requests answered a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which this share of requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


class Caller(asyncio.Protocol):
    """One keep-alive connection; it sends the same request again after each answer."""

    def __init__(
        self, request: bytes, until: float, into: list[float], done: asyncio.Future[None]
    ) -> None:
        """Prepare one client.

        Args:
            request: The whole request.
            until: The end, by ``time.perf_counter``.
            into: Gets the latencies, in seconds.
            done: Resolved at the end.
        """
        self.request, self.until, self.into, self.done = request, until, into, done
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Send the next request when the answer is whole."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self.into.append(now - self.sent)
        if b" 200 " not in head[:15]:
            self._finish(RuntimeError(f"the server answered: {self.received[:500]!r}"))
        elif now >= self.until:
            self._finish(None)
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail when the server ended the connection."""
        self._finish(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self.received = b""
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def _finish(self, error: Exception | None) -> None:
        if not self.done.done():
            if error:
                self.done.set_exception(error)
            else:
                self.done.set_result(None)
            self.transport.close()


def _same(caller: Caller) -> Caller:
    """Return the protocol itself: asyncio takes a factory."""
    return caller


async def drive(port: int, path: str, body: bytes, clients: int, seconds: float) -> Measured:
    """Send requests from `clients` connections for `seconds`.

    Args:
        port: On loopback.
        path: Of the route.
        body: Of every request.
        clients: How many connections.
        seconds: The duration.
    """
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    request = head.encode() + b"\r\n\r\n" + body
    loop = asyncio.get_running_loop()
    measured, started = Measured(), time.perf_counter()
    ends: list[asyncio.Future[None]] = []
    for _ in range(clients):
        end = loop.create_future()
        ends.append(end)
        caller = Caller(request, started + seconds, measured.latencies, end)
        await loop.create_connection(partial(_same, caller), "127.0.0.1", port)
    await asyncio.gather(*ends)
    measured.seconds = time.perf_counter() - started
    return measured
