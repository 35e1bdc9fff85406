"""The responses of the server's routes in its OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from airworthy.protocol.refusals import RefusedError

VERSION_PATTERN = "(0|[1-9][0-9]{0,17})"
"""A version as it is written in a path: there is one way."""

_DESCRIPTIONS = {
    400: "The request is wrong; `field` names the first fault.",
    401: "The token is missing.",
    403: "The token is wrong or has not the scope, or this server has none, or the answer is another client's.",
    404: "There is no such model, version or example.",
    405: "The path is asked by POST.",
    409: "The version cannot be loaded.",
    410: "The model is retired.",
    413: "The request is too large.",
    415: "The body is no plain JSON.",
    429: "This client has too much under way, or sends too many requests; `retry-after` says when to ask again.",
    421: "The server is not asked by this Host.",
    500: "The server failed.",
    503: "The server cannot answer now; `retry-after` says when to ask again.",
}


class Refusal(BaseModel):
    """A refused request: the fault, the wrong field or column and its row, and the next step."""

    error: str
    field: str | None = None
    row: int | None = None
    received: str | None = None
    allowed: str | None = None
    next_step: str | None = None


def refusal_headers(refused: RefusedError) -> dict[str, str]:
    """Return the headers of a refusal, besides its content's type."""
    if refused.status == 401:
        return {"www-authenticate": "Bearer"}
    return {"retry-after": str(refused.retry_after)} if refused.status in (429, 503) else {}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's responses of a route for these statuses."""
    return {status: {"model": Refusal, "description": _DESCRIPTIONS[status]} for status in statuses}


def refusal_responses(*statuses: int) -> dict[str, Any]:
    """Return the same as a part of an OpenAPI document. It has the schema of `Refusal`."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        str(status): {"description": _DESCRIPTIONS[status], "content": content}
        for status in statuses
    }
