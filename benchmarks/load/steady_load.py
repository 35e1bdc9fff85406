"""A steady load from its own process: so many requests a second, whether answers come or not.

    python benchmarks/load/steady_load.py URL --body BODY.json --out ANSWERS.jsonl

Every request has its own targeting key. The process prints ``started`` after the first answer, and
goes on until its input ends; then every answer is a line of the file: the time of its request (UTC
seconds), its duration (seconds), the HTTP status (0: none came) and the version behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Answered:
    """One request: the time it was sent, its answer's duration in seconds, and the answer."""

    sent: float
    seconds: float
    status: int
    version: str
    problem: str = ""


@dataclass
class Connection:
    """A keep-alive connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> tuple[int, str, str]:
        """Return status, version, and the body of an answer other than 200."""
        self.writer.write(request)
        head, *lines = (
            (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        )
        headers = dict(line.split(": ", 1) for line in lines if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        status = int(head.split(" ")[1])
        return (
            status,
            headers.get("x-model-version", ""),
            "" if status == 200 else body.decode(errors="replace")[:300],
        )


class SteadyLoad:
    """Sends requests at a steady rate."""

    def __init__(self, url: str, body: bytes, rate: float) -> None:
        """Prepare requests to an address of plain HTTP.

        Args:
            url: The address.
            body: Of every request.
            rate: Requests a second.
        """
        self.answers: list[Answered] = []
        self._to = urlsplit(url)
        self._body = body
        self._rate = rate
        self._idle: list[Connection] = []

    async def run(self, until: asyncio.Event) -> None:
        """Send until the event is set, then wait for the last answers."""
        first = await self._one(0)
        if first.status != 200:
            raise SystemExit(f"the first request was answered {first.status}: {first.problem}")
        print("started", flush=True)
        began, sent = time.perf_counter(), 0
        under_way: set[asyncio.Task[Answered]] = set()
        while not until.is_set():
            await asyncio.sleep(max(0.0, began + sent / self._rate - time.perf_counter()))
            sent += 1
            task = asyncio.create_task(self._one(sent))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _one(self, number: int) -> Answered:
        sent, started = time.time(), time.perf_counter()
        try:
            reply = await asyncio.wait_for(self._ask(f"customer-{number}"), PATIENCE_SECONDS)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            reply = 0, "", repr(error)
        answer = Answered(sent, time.perf_counter() - started, *reply)
        self.answers.append(answer)
        return answer

    async def _ask(self, key: str) -> tuple[int, str, str]:
        connection = await self._connection()
        head = (
            f"POST {self._to.path} HTTP/1.1\r\nhost: {self._to.netloc}\r\ncontent-type: application/json\r\n"
            f"x-targeting-key: {key}\r\ncontent-length: {len(self._body)}\r\n\r\n"
        )
        try:
            reply = await connection.ask(head.encode() + self._body)
        except BaseException:
            connection.writer.close()
            raise
        self._idle.append(connection)
        return reply

    async def _connection(self) -> Connection:
        while self._idle:
            idle = self._idle.pop()
            if not idle.reader.at_eof():
                return idle
            idle.writer.close()  # the server has closed it meanwhile
        return Connection(*await asyncio.open_connection(self._to.hostname, self._to.port))


async def _run(load: SteadyLoad) -> None:
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    # The end of the input is the sign to stop, so that no load outlives whoever started it.
    loop.run_in_executor(None, lambda: (sys.stdin.read(), loop.call_soon_threadsafe(until.set)))
    await load.run(until)


def main() -> None:
    """Send a load as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument(
        "--body", type=Path, required=True, help="a file with the body of every request"
    )
    parser.add_argument("--out", type=Path, required=True, help="where the answers go")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    options = parser.parse_args()
    load = SteadyLoad(options.url, options.body.read_bytes(), options.rate)
    asyncio.run(_run(load))
    options.out.write_text("".join(json.dumps(vars(answer)) + "\n" for answer in load.answers))


if __name__ == "__main__":
    main()
