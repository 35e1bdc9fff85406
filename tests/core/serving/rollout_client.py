"""A client of a server with changing flags: it sends targeting keys, and waits for conditions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from airworthy.serving.in_process_server import RunningServer

from ..eventually import eventually  # noqa: TID252 - tests are no installed package

JSON = {"content-type": "application/json"}
EXAMPLE = (
    b'{"dataframe_split": {"columns": ["picked_up_at", "distance_km", "parcels", "city", "express", "note"],'
    b' "data": [["2026-01-03T08:00:00Z", 4.5, 2, "Oslo", true, ""]]}}'
)
_HEAD = (
    b"POST /models/%b/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"x-targeting-key: %b\r\ncontent-length: %d\r\n\r\n"
)


class RolloutClient(httpx.Client):
    """Asks about the model ``eta``."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__(base_url=server.url, timeout=30)
        self.server = server

    def ask(self, key: str | None = None, body: bytes = EXAMPLE) -> dict[str, Any]:
        """Return a successful answer."""
        headers = JSON if key is None else JSON | {"x-targeting-key": key}
        reply = self.post("/models/eta/invocations", content=body, headers=headers)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def ask_all(
        self, keys: Sequence[str], body: bytes = EXAMPLE, connections: int = 8
    ) -> dict[str, str]:
        """Send one request with each key, over some connections, and return each answer's version.

        Args:
            keys: The targeting keys.
            body: The body of each request.
            connections: The number of connections.
        """
        return ask_all(self.server.url, keys, body, connections)

    def rollout(self) -> dict[str, Any]:
        """Return the server's rollout."""
        return dict(self.get("/models/eta/rollout").raise_for_status().json())

    def arm(self, name: str) -> dict[str, Any]:
        """Return an arm's figures."""
        return dict(self.rollout()["arms"][name])

    def candidates(self) -> list[str]:
        """Return the versions loaded beside the champion."""
        return list(self.get("/models/eta").json()["candidates"])

    def wait_for_champion(self, version: str) -> None:
        """Return once a version is the champion."""
        eventually(
            f"champion {version}", lambda: self.get("/models/eta").json()["version"] == version
        )

    def wait_for_step(self, step: str | int | None, challenger: str | None = "2") -> None:
        """Return once the server is in a step, and the challenger is loaded."""
        expected = (step, None if step is None else challenger)

        def there() -> bool:
            described = self.rollout()
            return (described["step"], described["challenger"]) == expected and (
                step is None or challenger in self.candidates()
            )

        eventually(f"step {step} with challenger {challenger}", there)

    def metrics(self) -> str:
        """Return Prometheus' text."""
        return self.get("/metrics").text


def ask_all(
    url: str, keys: Sequence[str], body: bytes, connections: int = 8, model: str = "eta"
) -> dict[str, str]:
    """Send one request with each key, and return each answer's version.

    Args:
        url: The server's address.
        keys: The targeting keys.
        body: The body of each request.
        connections: The number of connections.
        model: The model.
    """
    return asyncio.run(_ask_all(url, keys, body, connections, model))


async def _ask_all(
    url: str, keys: Sequence[str], body: bytes, connections: int, model: str
) -> dict[str, str]:
    """Send requests faster than a full HTTP client: many thousands of requests are a test here."""
    versions: dict[str, str] = {}
    waiting = iter(keys)

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        for key in waiting:
            writer.write(_HEAD % (model.encode(), key.encode(), len(body)) + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            headers = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if line)
            await reader.readexactly(int(headers["content-length"]))
            assert " 200 " in answer.split("\r\n")[0], answer
            versions[key] = headers["x-model-version"]
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return versions
