"""A proxy on loopback that can stop forwarding, as a cut network does: nobody is told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class NetworkCut:
    """Forwards connections to a server while the network is whole."""

    def __init__(self, address: str) -> None:
        """See `network_cut`."""
        self._target = urlsplit(address)
        self._whole = asyncio.Event()
        self._end = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.address = ""

    def cut(self) -> None:
        """Forward nothing from now on, on any connection."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def heal(self) -> None:
        """Forward everything again, also what waited."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def run(self) -> None:
        """Forward until `stop`."""
        self._whole.set()
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._listen())
        self._loop.close()

    def wait_until_ready(self) -> None:
        """Return once connections are accepted."""
        assert self._ready.wait(30)

    def stop(self) -> None:
        """End the proxy."""
        self._loop.call_soon_threadsafe(self._end.set)

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._end.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        there = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._connections.discard(connection)
            for each in (writer, there[1]):
                each.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@contextmanager
def network_cut(address: str) -> Iterator[NetworkCut]:
    """Forward to a server until the block ends."""
    proxy = NetworkCut(address)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    proxy.wait_until_ready()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
