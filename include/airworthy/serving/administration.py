"""Administration: loading, scoring, swapping and unloading versions. All of it asks for the token.

Scoring with a candidate is in `door`, with the other scoring route.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from airworthy.serving.admin_token import TokenCheck
from airworthy.serving.model_store import ModelStore


class NewChampion(BaseModel):
    """Which version is to take all traffic."""

    model_config = ConfigDict(extra="forbid")

    version: str


def administration(fleet: ModelStore, check_token: TokenCheck) -> APIRouter:
    """Return the routes of administration."""

    async def checked(request: Request) -> None:
        header = request.headers.get("authorization")
        check_token(None if header is None else header.encode("latin-1"))

    router = APIRouter(dependencies=[Depends(checked)])

    @router.put("/models/{model}/versions/{version}")
    async def load(model: str, version: str) -> dict[str, Any]:
        """Load a version beside the champion. It takes no traffic."""
        return (await fleet.load_candidate(model, version)).describe()

    @router.delete("/models/{model}/versions/{version}")
    async def unload(model: str, version: str) -> dict[str, str]:
        """Unload a candidate."""
        await fleet.unload(model, version)
        return {"model": model, "unloaded": version}

    @router.put("/models/{model}/champion")
    async def swap(model: str, champion: NewChampion) -> dict[str, str | None]:
        """Give all traffic to a version; requests under way finish on the one they started with."""
        previous = await fleet.swap(model, champion.version)
        return {"model": model, "version": champion.version, "previous_version": previous}

    return router
