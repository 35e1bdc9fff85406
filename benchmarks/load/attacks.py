"""The attacks of one careless or hostile client on a server, in a process of its own, for some seconds.

    python -m load.attacks NAME PORT MODEL BODIES SECONDS

`BODIES` is a folder with ``large.json``, a valid body of 16 MB, and ``row.json``. The process
prints the statuses that it was answered with, and their numbers, as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
_PATIENCE_SECONDS = 15.0


@dataclass
class Attack:
    """One client: its target, its time, and what it was answered."""

    port: int
    path: str
    large: bytes
    row: bytes
    until: float
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.until

    def head(self, length: int, *, path: str | None = None, method: str = "POST") -> bytes:
        """Return the head of a request with a JSON body."""
        lines = [
            f"{method} {path or self.path} HTTP/1.1",
            f"host: {HOST}",
            "content-type: application/json",
            f"content-length: {length}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    async def ask(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send one request in pieces, on a connection of its own, and count the answer's status."""
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError as error:
            self.answers[type(error).__name__] += 1
            await asyncio.sleep(0.05)
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                with suppress(ConnectionError):
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                        if pause:
                            await asyncio.sleep(pause)
                            if not self.goes_on:
                                return
                line = await reader.readline()
                self.answers[line[9:12].decode() or "closed"] += 1
        except (OSError, TimeoutError) as error:
            self.answers[type(error).__name__] += 1
        finally:
            writer.transport.abort()


async def big_body(attack: Attack) -> None:
    """Send valid bodies of 16 MB, again and again, on four connections."""
    await _repeat(attack, 4, lambda: attack.ask(attack.head(len(attack.large)), attack.large))


async def medium_body(attack: Attack) -> None:
    """Send valid bodies of 200 kB on 16 connections."""
    rows = json.loads(attack.row)["dataframe_split"]
    count = 200_000 // len(json.dumps(rows["data"][0]))
    rows["data"] = rows["data"] * count
    body = json.dumps({"dataframe_split": rows}).encode()
    await _repeat(attack, 16, lambda: attack.ask(attack.head(len(body)), body))


async def big_labels(attack: Attack) -> None:
    """Send 2 MB of labels on four connections."""
    labels = [{"id": f"{number:032x}", "label": 1.0} for number in range(10_000)]
    body = json.dumps({"labels": labels}).encode()
    body += b" " * (2_000_000 - len(body))
    path = attack.path.replace("invocations", "labels")
    await _repeat(attack, 4, lambda: attack.ask(attack.head(len(body), path=path), body))


async def put_champion(attack: Attack) -> None:
    """PUT a champion of 60 MB without a token, on two connections."""
    path = attack.path.replace("invocations", "champion")
    head = attack.head(60_000_000, path=path, method="PUT")
    piece = b'{"version": "1", "padding": "' + b"x" * 1_000_000
    await _repeat(attack, 2, lambda: attack.ask(head, *[piece] * 60))


async def slow_header(attack: Attack) -> None:
    """Send a header a byte at a time on 400 connections."""
    head = attack.head(10)
    pieces = [head[index : index + 1] for index in range(len(head))]
    await _repeat(attack, 400, lambda: attack.ask(*pieces, pause=1.0))


async def slow_body(attack: Attack) -> None:
    """Send a body of 1 MB a byte at a time on 400 connections."""
    head = attack.head(1_000_000)
    await _repeat(attack, 400, lambda: attack.ask(head, *[b" "] * 100, pause=1.0))


async def connections(attack: Attack) -> None:
    """Open 2,000 connections, say nothing, and open them again when they are closed."""

    async def hold() -> None:
        try:
            reader, writer = await asyncio.open_connection(HOST, attack.port)
        except OSError as error:
            attack.answers[type(error).__name__] += 1
            await asyncio.sleep(0.5)
            return
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(max(0.01, attack.until - time.monotonic())):
                line = await reader.readline()
                attack.answers[line[9:12].decode() or "closed"] += 1
        writer.transport.abort()
        await asyncio.sleep(0.5)

    await _repeat(attack, 2000, hold)


async def headers(attack: Attack) -> None:
    """Send 50,000 headers, or one of 20 MB, on eight connections."""
    start = attack.head(0)[:-2]
    many = b"".join(b"x-%d: y\r\n" % number for number in range(50_000))
    one = [b"x-long: ", *[b"y" * 1_000_000] * 20]
    await _repeat(attack, 4, lambda: attack.ask(start, many, b"\r\n"))
    await _repeat(attack, 4, lambda: attack.ask(start, *one, b"\r\n"))


async def spool_flood(attack: Attack) -> None:
    """Send one row in 15 MB of spaces, on four connections: the spool gets it all."""
    body = attack.row + b" " * (15_000_000 - len(attack.row))
    await _repeat(attack, 4, lambda: attack.ask(attack.head(len(body)), body))


async def rows(attack: Attack) -> None:
    """Send single rows on 64 new connections at once."""
    await _repeat(attack, 64, lambda: attack.ask(attack.head(len(attack.row)), attack.row))


ATTACKS: dict[str, Callable[[Attack], Coroutine[Any, Any, None]]] = {
    "big-body": big_body,
    "medium-body": medium_body,
    "big-labels": big_labels,
    "put-champion": put_champion,
    "slow-header": slow_header,
    "slow-body": slow_body,
    "connections": connections,
    "headers": headers,
    "spool-flood": spool_flood,
    "rows": rows,
}


async def _repeat(attack: Attack, clients: int, once: Callable[[], Awaitable[None]]) -> None:
    async def client() -> None:
        while attack.goes_on:
            await once()

    await asyncio.gather(*(client() for _ in range(clients)))


def main() -> None:
    """Attack, and print the answers."""
    name, port, model, bodies, seconds = sys.argv[1:]
    attack = Attack(
        int(port),
        f"/models/{model}/invocations",
        (Path(bodies) / "large.json").read_bytes(),
        (Path(bodies) / "row.json").read_bytes(),
        time.monotonic() + float(seconds),
    )
    asyncio.run(ATTACKS[name](attack))
    sys.stdout.write(json.dumps(attack.answers) + "\n")


if __name__ == "__main__":
    main()
