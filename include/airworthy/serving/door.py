"""The scoring route, as a layer around the rest of the app: it is asked most, so it does without routing.

``POST /models/<model>/invocations`` answers with the champion, ``POST /models/<model>/versions/<version>/invocations``
(administration) with a loaded version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airworthy.serving.fleet import Fleet
from airworthy.serving.loaded import Limits, LoadedModel
from airworthy.serving.metrics import Metrics
from airworthy.serving.refusals import RefusedError
from airworthy.serving.together import Together
from airworthy.serving.token import TokenCheck

_JSON_TYPE = (b"content-type", b"application/json")


class ScoringDoor:
    """Answers scoring requests; hands everything else on."""

    def __init__(self, app: ASGIApp, fleet: Fleet, metrics: Metrics, limits: Limits, check_token: TokenCheck) -> None:
        """Wrap `app`."""
        self._app = app
        self._fleet = fleet
        self._metrics = metrics
        self._limits = limits
        self._check_token = check_token
        self._together = Together()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            match scope["path"].split("/"):
                case ["", "models", model, "invocations"]:
                    return await self._answer(scope, receive, send, lambda: self._champion(model))
                case ["", "models", model, "versions", version, "invocations"]:
                    return await self._answer(scope, receive, send, lambda: self._candidate(scope, model, version))
        await self._app(scope, receive, send)

    async def _champion(self, model: str) -> LoadedModel:
        return self._fleet.serving(model) or await self._fleet.champion(model)

    async def _candidate(self, scope: Scope, model: str, version: str) -> LoadedModel:
        self._check_token(_header(scope, b"authorization"))
        return self._fleet.candidate(model, version)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, find: Callable[[], Awaitable[LoadedModel]]
    ) -> None:
        started = perf_counter()
        loaded: LoadedModel | None = None
        rows, status, headers = 0, 200, [_JSON_TYPE]
        try:
            _check_type(scope)
            loaded = await find()
            body = await _read(scope, receive, self._limits.max_bytes)
            predictions = await self._predict(loaded, body)
            rows = len(predictions)
            reply: dict[str, Any] = {"predictions": predictions, "model": loaded.model, "version": loaded.version}
            headers.append((b"x-model-version", loaded.version.encode("latin-1")))
        except RefusedError as refused:
            status, reply = refused.status, refused.body
        self._metrics.answered(loaded, status, rows, started)
        content = orjson.dumps(reply)
        headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _predict(self, loaded: LoadedModel, body: bytes) -> list[Any]:
        if len(body) <= self._limits.inline_bytes:
            return await self._together.predict(loaded, loaded.read(body, self._limits))
        return await asyncio.to_thread(loaded.predict, body, self._limits)


def _header(scope: Scope, name: bytes) -> bytes | None:
    for found, value in scope["headers"]:
        if found == name:
            return bytes(value)
    return None


def _check_type(scope: Scope) -> None:
    """Refuse all but plain JSON.

    Raises:
        RefusedError: 415.
    """
    content_type = _header(scope, b"content-type")
    if content_type != b"application/json":
        kind, _, parameters = (content_type or b"").lower().partition(b";")
        charset = parameters.partition(b"charset=")[2].strip(b' "')
        if kind.strip() != b"application/json" or charset not in (b"", b"utf-8"):
            received = (content_type or b"none").decode("latin-1")
            raise RefusedError(
                415, f"content-type: received {received}, allowed: application/json", field="content-type",
                received=received, allowed="application/json",
            )  # fmt: skip
    encoding = _header(scope, b"content-encoding")
    if encoding not in (None, b"identity"):
        received = str(encoding, "latin-1")
        raise RefusedError(
            415, f"content-encoding: received {received}, allowed: none", field="content-encoding",
            received=received, allowed="a body that is not compressed",
        )  # fmt: skip


async def _read(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the request's body.

    Raises:
        RefusedError: 413 for more than `limit` bytes, 400 when the client went away.
    """
    declared = _header(scope, b"content-length")
    if declared is not None and int(declared) > limit:
        raise _too_large(limit)
    chunks, size = [], 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the client went away before its request was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        413, f"the body is larger than {limit} bytes", received=f"more than {limit} bytes",
        allowed=f"at most {limit} bytes", next_step="send the rows in several requests",
    )  # fmt: skip
