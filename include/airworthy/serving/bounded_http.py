"""HTTP/1.1 connections with limits: uvicorn's protocol, and what a client may take of it.

httptools has no limits of its own. This module limits a request's headers in size, number and time,
a body in time, the pipelined requests, the open connections, and the time in which an answer is
taken. A body that nobody reads is thrown away for a moment; then its connection is closed.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from airworthy.serving.connection_table import BUSY, IDLE, OPENING, ConnectionTable

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from airworthy.server_limits import ServerLimits

_PIPELINED = 32
# Sizes of chunks and their line breaks, beside the bytes of a body.
_CHUNK_SHARE, _CHUNK_BYTES = 16, 64 * 1024
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 * 1024
_CLOSE_SECONDS = 5.0
HAND_OVER_SECONDS = 2.0
"""The time for one more request on a connection, while another server takes over."""

_NEXT_STEPS = {
    400: "send a valid HTTP/1.1 request",
    408: "send the request again, faster, or in smaller parts",
    431: "send fewer or shorter headers, or a shorter address",
    503: "send the request again in a moment",
}


class BoundedHTTP:
    """Makes the protocols of one server. They share one table of connections."""

    def __init__(self, limits: ServerLimits) -> None:
        """Keep the limits. The object is pickled before the first connection, if at all."""
        self.limits = limits
        self.table = ConnectionTable(limits.connections, limits.connections_per_address)
        self.is_handed_over = False

    def hand_over(self) -> None:
        """Have open connections end with their next answer: another server has the socket."""
        self.is_handed_over = True

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> BoundedProtocol:
        """Return the protocol of a new connection.

        Args:
            config: The server's configuration.
            server_state: The server's state.
            app_state: The app's state.
        """
        return BoundedProtocol(self, config, server_state, app_state, _loop)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        bounds: BoundedHTTP,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Prepare for a connection.

        Args:
            bounds: The limits, and the open connections.
            config: The server's configuration.
            server_state: The server's state.
            app_state: The app's state.
        """
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = bounds
        self._table = bounds.table
        self._limits = bounds.limits
        self._max_headers = bounds.limits.headers
        self.address = ""
        self._asked = False
        # Of the request that is being received:
        self._in_headers = False
        self._in_body = False
        self._began_here = False
        self._piece = self._raw = self._body = self._headers_seen = 0
        self._since = self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        # Of an answer:
        self._write_timer: asyncio.TimerHandle | None = None
        self._lingers = False
        self._thrown_away = 0
        self._refusal = HTTPStatus.BAD_REQUEST, "this is no valid HTTP request"

    @property
    def state(self) -> str:
        """See `connection_table`."""
        if self._in_headers or self._in_body or not self._asked:
            return OPENING
        return IDLE if self.cycle is None or self.cycle.response_complete else BUSY

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection, or refuse it when there are too many."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if self._table.add(self):
            self._since = self._last = self.loop.time()
            self._wait(self._limits.header_time.total_seconds())
        else:
            # No moment to linger in: the connections that are refused would be too many.
            problem = "this server has too many connections"
            transport.write(_answer(HTTPStatus.SERVICE_UNAVAILABLE, problem))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._table.remove(self)
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._written()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request."""
        self._unset_keepalive_if_required()
        if self._lingers or self.transport.is_closing():
            self._throw_away(len(data))
            return
        was_receiving = self._in_headers or self._in_body
        self._began_here = False
        self._piece = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # There are no web sockets here: the request is answered as any other.
            pass
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
            return
        if self._in_headers or self._in_body:
            self._go_on_waiting()
        elif was_receiving or self._began_here:
            self._stop_waiting()
        elif self._timer is None:
            # Empty lines are no request: they keep no connection open.
            self._wait(self._limits.header_time.total_seconds())

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_headers = self._began_here = True
        self._raw = self._body = self._headers_seen = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. A trailer of a body in chunks is counted, and not kept."""
        self._headers_seen += 1
        if self._headers_seen > self._max_headers:
            self._refusal = (
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the request has more than {self._max_headers} headers",
            )
            raise ValueError(self._refusal[1])
        if self._in_headers:
            # As the base class does, without a call for each header.
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start the request, if its head is within the limits."""
        if self._raw + self._piece > self._limits.header_bytes and self._head_is_too_large():
            self._refusal = self._head_too_large()
            raise ValueError(self._refusal[1])
        if len(self.pipeline) >= _PIPELINED:
            self._refusal = HTTPStatus.BAD_REQUEST, f"more than {_PIPELINED} requests at once"
            raise ValueError(self._refusal[1])
        super().on_headers_complete()
        if self._bounds.is_handed_over:
            self.cycle.keep_alive = False
        self._in_headers, self._in_body, self._asked = False, True, True

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request's receiving."""
        self._in_body = False
        super().on_message_complete()
        if self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # The answer came before the request's end. The connection can be used again.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Wait for the next request. The rest of a body that nobody read is not waited for long."""
        super().on_response_complete()
        if self._in_body and not self.pipeline and not self.transport.is_closing():
            self._thrown_away = 0
            self._stop_waiting()
            self._timer = self.loop.call_later(_LINGER_SECONDS, self.give_way)

    def shutdown(self) -> None:
        """End the connection with the server.

        While another server takes over, an idle connection stays a moment for one more request:
        its client may be sending it.
        """
        if self._bounds.is_handed_over and self.state != BUSY:
            self.loop.call_later(HAND_OVER_SECONDS, self._end_if_idle)
        else:
            super().shutdown()

    def _end_if_idle(self) -> None:
        if self.state != BUSY and not self.transport.is_closing():
            self.transport.close()

    def pause_writing(self) -> None:
        """Give the client some time to take what is written."""
        super().pause_writing()
        if self._write_timer is None:
            seconds = self._limits.read_time.total_seconds()
            self._write_timer = self.loop.call_later(seconds, self.give_way)

    def resume_writing(self) -> None:
        """Go on writing."""
        self._written()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also when the client does not take the last answer."""
        super().timeout_keep_alive_handler()
        self._write_timer = self.loop.call_later(_CLOSE_SECONDS, self.give_way)

    def give_way(self) -> None:
        """Close at once. A request that was not received whole ends as by a client that left."""
        self.transport.abort()

    def _go_on_waiting(self) -> None:
        """Note a piece of a request that is not whole yet."""
        if self.cycle is not None and self._in_body and self.cycle.response_complete:
            self._throw_away(self._piece)
            return
        now = self.loop.time()
        self._last = now
        if self._began_here:
            # This piece may begin with the end of the request before.
            self._since = now
            self._wait(self._limits.header_time.total_seconds())
        else:
            self._raw += self._piece
            self._check_overhead()

    def _check_overhead(self) -> None:
        """Refuse a head, chunks' sizes or trailers that never end."""
        over = self._raw - self._body - self._limits.header_bytes
        if self._in_headers and over > 0:
            self._refuse(*self._head_too_large())
        elif over > _CHUNK_BYTES + _CHUNK_SHARE * self._body:
            self._refuse(HTTPStatus.BAD_REQUEST, "the chunks of the body are too small")

    def _throw_away(self, size: int) -> None:
        """Throw a piece away of a body whose request has been answered."""
        self._thrown_away += size
        if not self._lingers and self._thrown_away > _LINGER_BYTES:
            # The client is told by the end of our data. What it still sends is not read as HTTP.
            self._lingers = True
            if not self.transport.is_closing():
                self.transport.write_eof()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._check_time)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _written(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _check_time(self) -> None:
        """Refuse a request that takes too long to come."""
        limits, now = self._limits, self.loop.time()
        self._timer = None
        if not self._in_body:
            if self._in_headers:
                late = f"no whole head within {limits.header_time.total_seconds():.0f} s"
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, late)
            elif self.state != BUSY:
                self.give_way()
            return
        # A body that the server itself does not read is not late.
        if self.flow.read_paused:
            self._last = now
        gap, whole = limits.gap_time.total_seconds(), limits.body_time.total_seconds()
        if now - self._last >= gap or now - self._since >= whole:
            late = f"no whole body within {whole:.0f} s, or nothing of it for {gap:.0f} s"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, late)
            return
        self._wait(max(0.05, min(self._last + gap, self._since + whole) - now))

    def _head_is_too_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        return size > self._limits.header_bytes

    def _head_too_large(self) -> tuple[HTTPStatus, str]:
        return (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request's line and headers are larger than {self._limits.header_bytes} bytes",
        )

    def _refuse(self, status: HTTPStatus, problem: str) -> None:
        """Answer in the app's place, if no answer has begun, and close."""
        self._stop_waiting()
        cycle = self.cycle
        running = cycle is not None and not cycle.response_complete
        if cycle is not None and running:
            cycle.disconnected = True
            cycle.message_event.set()
        if not (cycle is not None and running and cycle.response_started):
            self.transport.write(_answer(status, problem))
        # What is in this connection's buffers is not read: the client may never see an answer to
        # a request that it is still sending.
        self._lingers, self._in_headers, self._in_body = True, False, False
        self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.give_way)


def _answer(status: HTTPStatus, problem: str) -> bytes:
    body = orjson.dumps({"error": problem, "next_step": _NEXT_STEPS[status.value]})
    retry = b"retry-after: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else b""
    return b"".join(
        (
            b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()),
            b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body),
            retry,
            b"connection: close\r\n\r\n",
            body,
        )
    )
