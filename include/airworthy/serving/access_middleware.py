"""The outermost middleware: checks host and token of each request before anything else is read."""

from __future__ import annotations

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.client_access import ClientAccess
from airworthy.serving.route_responses import refusal_headers


class AccessMiddleware:
    """Refuses requests by `ClientAccess`. It never reads a body."""

    def __init__(self, app: ASGIApp, access: ClientAccess) -> None:
        """Wrap the app.

        Args:
            app: Answers the requests that are let through.
            access: The rules.
        """
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                self._access.check(scope)
            except RefusedError as refused:
                await _refuse(send, refused)
                return
        await self._app(scope, receive, send)


async def _refuse(send: Send, refused: RefusedError) -> None:
    body = orjson.dumps(refused.body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    for name, value in refusal_headers(refused).items():
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
