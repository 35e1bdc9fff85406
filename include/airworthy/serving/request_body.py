"""Reads a request's body: plain JSON with a limited size."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Receive, Scope

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.address_budget import AddressBudget, Held

BODY_BUDGET: Final = "airworthy.body_budget"
"""The key, in the ASGI scope, of the budget of bytes of bodies that are under way."""


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


def client_address(scope: Scope) -> str:
    """Return the client's IP address."""
    client = scope.get("client")
    return client[0] if client else ""


async def read_body(
    scope: Scope, receive: Receive, limit: int, budget: AddressBudget | None = None
) -> bytes:
    """Return the request's body.

    Args:
        scope: The ASGI scope of the request.
        receive: The ASGI callable for the request's messages.
        limit: The largest size of the body, in bytes.
        budget: Counts bodies in several pieces; None: that of the scope, if it has one.

    Raises:
        RefusedError: 413 for more than `limit` bytes, 400 when the client went away, 429 or 503
            when too many bodies are received at once.
    """
    declared = header(scope, b"content-length")
    if declared is not None and int(declared) > limit:
        raise _too_large(limit)
    chunk, more = await _next_piece(receive)
    if len(chunk) > limit:
        raise _too_large(limit)
    if not more:
        return chunk
    budget = budget or scope.get(BODY_BUDGET)
    if budget is None:
        return await _read_pieces(receive, chunk, limit, None)
    with budget.holding(client_address(scope)) as held:
        return await _read_pieces(receive, chunk, limit, held)


async def _read_pieces(receive: Receive, first: bytes, limit: int, held: Held | None) -> bytes:
    chunks, size, more = [first], len(first), True
    if held is not None:
        held.add(size)
    while more:
        chunk, more = await _next_piece(receive)
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if held is not None:
            held.add(len(chunk))
        if chunk:
            chunks.append(chunk)
    return b"".join(chunks)


async def _next_piece(receive: Receive) -> tuple[bytes, bool]:
    """Return a piece of the body, and whether there are more.

    Raises:
        RefusedError: 400 when the client went away.
    """
    message: Message = await receive()
    if message["type"] == "http.disconnect":
        raise RefusedError(400, "the client went away before its request was complete")
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        413,
        f"the body is larger than {limit} bytes",
        received=f"more than {limit} bytes",
        allowed=f"at most {limit} bytes",
        next_step="send the rows in several requests",
    )
