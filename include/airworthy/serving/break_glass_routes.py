"""The route of administration to go back without the ledger."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airworthy.protocol.refusals import RefusedError
from airworthy.protocol.unique_keys import check_unique_keys
from airworthy.serving.admin_token import TokenCheck
from airworthy.serving.client_access import client_of
from airworthy.serving.going_back import GoingBack
from airworthy.serving.request_body import check_type, header, read_body
from airworthy.serving.route_responses import refusals

_MAX_BYTES = 10_000
_ALLOWED = '{"reason": "<words>", "who": "<name>", "to_version": "<version>" or null}'


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    who: Annotated[str, Field(min_length=1, max_length=200)] = "not named"
    to_version: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


_BODY = {"required": True, "content": {"application/json": {"schema": _Order.model_json_schema()}}}


def break_glass_routes(going_back: GoingBack, check_token: TokenCheck) -> APIRouter:
    """Return the route.

    Args:
        going_back: Carries out the order.
        check_token: Refuses requests without administration's token.
    """
    router = APIRouter()

    @router.post(
        "/models/{model}/break-glass",
        responses=refusals(400, 401, 403, 404, 409, 413, 415),
        openapi_extra={"requestBody": _BODY},
    )
    async def break_glass(model: str, request: Request) -> dict[str, Any]:
        """Go back to a version on this server's disk, without the ledger. It is recorded later."""
        if not client_of(request.scope).is_admin:
            check_token(header(request.scope, b"authorization"))
        check_type(request.scope)
        order = _read(await read_body(request.scope, request.receive, _MAX_BYTES))
        return await going_back.go_back(model, order.to_version, order.reason, order.who)

    return router


def _read(body: bytes) -> _Order:
    """Return the order of a request.

    Raises:
        RefusedError: 400. It names the field.
    """
    try:
        order = _Order.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the body"
        raise RefusedError(400, f"{field}: {first['msg']}", field=field, allowed=_ALLOWED) from None
    check_unique_keys(body, len(order.model_fields_set))
    return order
