"""LiveRollouts' public routes: what a rollout is at, and what predictions turned out to be."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airworthy.bundle import Manifest
from airworthy.predictions.prediction_ids import split_prediction_id
from airworthy.predictions.spool import PredictionLog
from airworthy.protocol.refusals import RefusedError, shown
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.loaded_model import Limits
from airworthy.serving.model_store import ModelStore
from airworthy.serving.prediction_quality import check_label
from airworthy.serving.request_body import check_type, read_body

MOST_LABELS = 10_000
_ALLOWED = '{"labels": [{"id": "<prediction id>", "label": value}, ...]}'


class _Labelled(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    label: Any


class _Labels(BaseModel):
    model_config = ConfigDict(extra="forbid")

    labels: Annotated[list[_Labelled], Field(min_length=1, max_length=MOST_LABELS)]


def rollout_routes(
    fleet: ModelStore, rollouts: LiveRollouts, limits: Limits, prediction_log: PredictionLog | None
) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/models/{model}/rollout")
    async def rollout(model: str) -> dict[str, Any]:
        """The step that a rollout is in, and what both arms did since it began."""
        return rollouts.describe(await fleet.champion(model))

    @router.post("/models/{model}/labels")
    async def labels(model: str, request: Request) -> dict[str, Any]:
        """Log what predictions turned out to be; `joined` of them were made in the present step of a rollout."""
        champion = await fleet.champion(model)
        check_type(request.scope)
        read = _read(
            await read_body(request.scope, request.receive, limits.max_bytes),
            champion.bundle.manifest,
        )
        if prediction_log is not None and not prediction_log.record_labels(
            model, [(one.id, one.label) for one in read]
        ):
            raise RefusedError(503, "the labels could not be logged", next_step="send them again")
        joined = sum(rollouts.join(model, *split_prediction_id(one.id), one.label) for one in read)
        return {"model": model, "received": len(read), "joined": joined}

    return router


def _read(body: bytes, manifest: Manifest) -> list[_Labelled]:
    """Return the labels of a request.

    Raises:
        RefusedError: 400, naming the first wrong one.
    """
    try:
        labels = _Labels.model_validate_json(body).labels
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the body"
        raise RefusedError(400, f"{field}: {first['msg']}", field=field, allowed=_ALLOWED) from None
    for place, one in enumerate(labels):
        _check_id(one.id, place)
        check_label(manifest, one.label, place)
    return labels


def _check_id(id: str, place: int) -> None:
    try:
        split_prediction_id(id)
    except ValueError:
        field, allowed = (
            f"labels.{place}.id",
            "a prediction id: <id>:<row>, or <id> for the first row",
        )
        raise RefusedError(
            400,
            f"{field}: received {shown(id)}, allowed: {allowed}",
            field=field,
            row=place,
            received=shown(id),
            allowed=allowed,
        ) from None
