"""Administration: loading, swapping and unloading versions. Every route needs the token.

Scoring with one loaded version is in `scoring_middleware`, with the public scoring route.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from airworthy.serving.admin_token import TokenCheck
from airworthy.serving.model_store import ModelStore


class NewChampion(BaseModel):
    """The version to take all traffic."""

    model_config = ConfigDict(extra="forbid")

    version: str


def administration_routes(model_store: ModelStore, check_token: TokenCheck) -> APIRouter:
    """Return the routes of administration."""

    async def require_token(request: Request) -> None:
        header = request.headers.get("authorization")
        check_token(None if header is None else header.encode("latin-1"))

    router = APIRouter(dependencies=[Depends(require_token)])

    @router.put("/models/{model}/versions/{version}")
    async def load(model: str, version: str) -> dict[str, Any]:
        """Load a version beside the champion. It takes no traffic."""
        return (await model_store.load_candidate(model, version)).describe()

    @router.delete("/models/{model}/versions/{version}")
    async def unload(model: str, version: str) -> dict[str, str]:
        """Unload a candidate."""
        await model_store.unload(model, version)
        return {"model": model, "unloaded": version}

    @router.put("/models/{model}/champion")
    async def swap(model: str, champion: NewChampion) -> dict[str, str | None]:
        """Give all traffic to a version. Running requests finish on the version they began with."""
        previous = await model_store.swap(model, champion.version)
        return {"model": model, "version": champion.version, "previous_version": previous}

    return router
