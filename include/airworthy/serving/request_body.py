"""Reads a request's body: plain JSON with a limited size."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope

from airworthy.protocol.refusals import RefusedError


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return a header's value. `name` is in lower case."""
    for header_name, value in scope["headers"]:
        if header_name == name:
            return bytes(value)
    return None


def check_type(scope: Scope) -> None:
    """Refuse all content types except plain JSON.

    Raises:
        RefusedError: 415.
    """
    content_type = header(scope, b"content-type")
    if content_type != b"application/json":
        kind, _, parameters = (content_type or b"").lower().partition(b";")
        charset = parameters.partition(b"charset=")[2].strip(b' "')
        if kind.strip() != b"application/json" or charset not in (b"", b"utf-8"):
            received = (content_type or b"none").decode("latin-1")
            raise RefusedError(
                415,
                f"content-type: received {received}, allowed: application/json",
                field="content-type",
                received=received,
                allowed="application/json",
            )
    encoding = header(scope, b"content-encoding")
    if encoding not in (None, b"identity"):
        received = str(encoding, "latin-1")
        raise RefusedError(
            415,
            f"content-encoding: received {received}, allowed: none",
            field="content-encoding",
            received=received,
            allowed="a body that is not compressed",
        )


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the request's body.

    Args:
        scope: The ASGI scope of the request.
        receive: The ASGI callable for the request's messages.
        limit: The largest size of the body, in bytes.

    Raises:
        RefusedError: 413 for more than `limit` bytes, 400 when the client went away.
    """
    declared = header(scope, b"content-length")
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
        413,
        f"the body is larger than {limit} bytes",
        received=f"more than {limit} bytes",
        allowed=f"at most {limit} bytes",
        next_step="send the rows in several requests",
    )
