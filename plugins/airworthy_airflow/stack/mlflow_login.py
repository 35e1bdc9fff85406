"""Asks for a login before any request reaches MLflow's server.

MLflow's own basic-auth application checks a list of routes, and its routes of FastAPI outside this
list are open. This one stands before all of them: pages, API, artifacts, websockets. Only
``/health`` is open; it says nothing but that the server runs.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_OPEN = "/health"
_REFUSAL = {
    "error_code": "UNAUTHENTICATED",
    "message": "this MLflow asks for a login: set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD (of the embedded stack: source .airworthy/env)",
}


class LoginRequired:
    """An ASGI application that lets only logged-in requests through to another one."""

    def __init__(self, application: Application, username: str, password: str) -> None:
        """Keep the login.

        Args:
            application: MLflow's application.
            username: The one user's name.
            password: The password, which is the token of a Bearer login too.

        Raises:
            ValueError: when the name or the password is empty.
        """
        if not username or not password:
            raise ValueError("a login has a name and a password")
        self._application = application
        self._basic = f"{username}:{password}".encode()
        self._token = password.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 401 before its body is read."""
        if scope["type"] == "lifespan" or scope.get("path") == _OPEN or self._knows(scope):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(send)

    def _knows(self, scope: Scope) -> bool:
        """Tell whether a request has the one right login."""
        headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
        given = [value for name, value in headers if name.lower() == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, credentials = given[0].strip().partition(b" ")
        match scheme.lower():
            case b"bearer":
                return hmac.compare_digest(credentials.strip(), self._token)
            case b"basic":
                return hmac.compare_digest(_decoded(credentials.strip()), self._basic)
        return False


def _decoded(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True)
    except binascii.Error:
        return b""


async def _refuse(send: Send) -> None:
    body = json.dumps(_REFUSAL).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b'Basic realm="MLflow of Airworthy", charset="UTF-8"'),
        # The body was not read: the connection cannot take another request.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
