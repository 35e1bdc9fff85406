"""Public routes of rollouts: a rollout's state, and labels of predictions."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airworthy.bundle import Manifest
from airworthy.predictions.prediction_ids import is_id_of
from airworthy.predictions.spool import Label, PredictionLog
from airworthy.protocol.refusals import RefusedError, short_repr
from airworthy.protocol.unique_keys import check_unique_keys
from airworthy.serving.client_access import Client, client_of
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.loaded_model import Limits
from airworthy.serving.prediction_quality import check_label, meant_label
from airworthy.serving.request_body import check_type, read_body
from airworthy.serving.route_responses import refusals
from airworthy.serving.scoring_process import ScoringProcess
from airworthy.serving.served_models import ServedModels
from airworthy.serving.shared_labels import SharedLabels, join_label

MAX_LABELS = 10_000
_JOINED_AT_ONCE = 200
# One way to write an id: two would be two labels of one prediction.
_ID_PATTERN = "[!-9;-~]+(:(0|[1-9][0-9]{0,6}))?"
_ALLOWED = '{"labels": [{"id": "<prediction id>", "label": value}, ...]}'


_LABEL_SCHEMA = {
    "type": "object",
    "properties": {
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "pattern": f"^{_ID_PATTERN}$",
            "description": "A prediction's id: <id>:<row>, or <id> for the first row.",
        },
        "label": {"type": ["string", "number", "boolean"]},
    },
    "required": ["id", "label"],
    "additionalProperties": False,
}
_LABELS_SCHEMA = {
    "type": "object",
    "properties": {
        "labels": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_LABELS,
            "items": _LABEL_SCHEMA,
        }
    },
    "required": ["labels"],
    "additionalProperties": False,
}
_LABELS_BODY = {
    "required": True,
    "content": {"application/json": {"schema": _LABELS_SCHEMA}},
}


class _Labelled(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    label: Any


class _Labels(BaseModel):
    model_config = ConfigDict(extra="forbid")

    labels: Annotated[list[_Labelled], Field(min_length=1, max_length=MAX_LABELS)]


def rollout_routes(
    models: ServedModels,
    rollouts: LiveRollouts,
    limits: Limits,
    prediction_log: PredictionLog | None,
    process: ScoringProcess,
    shared_labels: SharedLabels | None = None,
) -> APIRouter:
    """Return the routes.

    Args:
        models: Has the champions.
        rollouts: The rollouts of all models.
        limits: The limits of one request.
        prediction_log: Logs the labels. None: no log.
        process: Reads many labels at once.
        shared_labels: Passes labels on to other replicas. None: there are no others.
    """
    router = APIRouter()

    @router.get("/models/{model}/rollout", responses=refusals(404, 409, 410, 503))
    async def rollout(model: str, request: Request) -> dict[str, Any]:
        """The present step of a rollout, and both arms' statistics since it began.

        Where clients need a token, only administration sees samples of the predictions.
        """
        described = rollouts.describe(await models.champion(model))
        return described if client_of(request.scope).sees_all else _without_samples(described)

    @router.post(
        "/models/{model}/labels",
        responses=refusals(400, 403, 404, 409, 410, 413, 415, 429, 503),
        openapi_extra={"requestBody": _LABELS_BODY},
    )
    async def labels(model: str, request: Request) -> dict[str, Any]:
        """Log labels of predictions.

        `joined` counts those of a rollout's present step or of a watched champion, predicted by
        this process. The others are passed on to the other processes. A client with a token sends
        labels of its own answers, and of no others.
        """
        champion = await models.champion(model)
        check_type(request.scope)
        body = await read_body(request.scope, request.receive, limits.label_bytes)
        manifest = champion.bundle.manifest
        if len(body) <= limits.process_bytes:
            received = _read_labels(body, manifest)
        else:
            received = await process.call(_read_labels, body, manifest)
        _check_owner(client_of(request.scope), received)
        if prediction_log is not None:
            await _log(prediction_log, model, received)
        strange = []
        for index, sent in enumerate(received):
            if index % _JOINED_AT_ONCE == _JOINED_AT_ONCE - 1:
                # Other requests go between.
                await asyncio.sleep(0)
            if not join_label(rollouts, model, sent):
                strange.append(sent)
        if shared_labels is not None:
            shared_labels.offer(model, strange)
        joined = len(received) - len(strange)
        return {"model": model, "received": len(received), "joined": joined}

    return router


def _without_samples(described: dict[str, Any]) -> dict[str, Any]:
    arms = {name: arm and arm | {"predictions": []} for name, arm in described["arms"].items()}
    return described | {"arms": arms}


async def _log(prediction_log: PredictionLog, model: str, labels: list[tuple[str, Label]]) -> None:
    """Log labels, many of them in a thread.

    Raises:
        RefusedError: 503 when they are not logged.
    """
    if len(labels) <= _JOINED_AT_ONCE:
        logged = prediction_log.record_labels(model, labels)
    else:
        logged = await asyncio.to_thread(prediction_log.record_labels, model, labels)
    if not logged:
        raise RefusedError(503, "the labels could not be logged", next_step="send them again")


def _check_owner(client: Client, labels: list[tuple[str, Label]]) -> None:
    """Refuse labels of answers that a client with a token did not get."""
    if not client.keys or client.labels_all:
        return
    for index, (prediction_id, _) in enumerate(labels):
        if not is_id_of(prediction_id.partition(":")[0], client.keys):
            raise RefusedError(
                403,
                f"labels.{index}.id: this answer was not given to {client.name}",
                field=f"labels.{index}.id",
                row=index,
                received=short_repr(prediction_id),
                allowed="ids of this client's own answers",
                next_step="server.clients.label_all names clients that may label all answers",
            )


def _read_labels(body: bytes, manifest: Manifest) -> list[tuple[str, Label]]:
    """Return the labels of a request: tuples come back from another process fastest.

    Raises:
        RefusedError: 400. It names the first wrong label.
    """
    try:
        labels = _Labels.model_validate_json(body).labels
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the body"
        raise RefusedError(400, f"{field}: {first['msg']}", field=field, allowed=_ALLOWED) from None
    check_unique_keys(body, 1 + 2 * len(labels))
    for index, labelled in enumerate(labels):
        _check_id(labelled.id, index)
        labelled.label = meant_label(manifest, labelled.label)
        check_label(manifest, labelled.label, index)
    return [(labelled.id, labelled.label) for labelled in labels]


def _check_id(prediction_id: str, index: int) -> None:
    if re.fullmatch(_ID_PATTERN, prediction_id) is None:
        field = f"labels.{index}.id"
        allowed = "a prediction id: <id>:<row>, or <id> for the first row"
        raise RefusedError(
            400,
            f"{field}: received {short_repr(prediction_id)}, allowed: {allowed}",
            field=field,
            row=index,
            received=short_repr(prediction_id),
            allowed=allowed,
        )
