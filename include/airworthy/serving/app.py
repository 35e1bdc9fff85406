"""The model server's FastAPI app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from airworthy.predictions.spool import PredictionLog
from airworthy.protocol.refusals import RefusedError
from airworthy.serving.admin_token import ReadToken, token_check
from airworthy.serving.administration import administration
from airworthy.serving.async_registry import OpenRegistry
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.loaded_model import Limits
from airworthy.serving.model_store import ModelStore
from airworthy.serving.rollout_routes import rollout_routes
from airworthy.serving.scorer import Scoring
from airworthy.serving.scoring_middleware import ScoringMiddleware
from airworthy.serving.server_metrics import Metrics


def create_app(
    open_registry: OpenRegistry,
    read_token: ReadToken,
    limits: Limits | None = None,
    on_ready: Callable[[], None] | None = None,
    *,
    flags_file: Path | None = None,
    prediction_log: PredictionLog | None = None,
) -> FastAPI:
    """Return the server's app.

    Args:
        open_registry: Opens the registry that the versions come from.
        read_token: Returns administration's token; None closes administration.
        limits: How much one request may ask for.
        on_ready: Called once, when the champions and the versions that flags name have been loaded.
        flags_file: The flagd file of rollouts, which is watched and need not be there; None: no rollouts.
        prediction_log: Where every answer is logged before it leaves; None: nowhere. It is closed with the app.
    """
    limits = limits or Limits()
    metrics = Metrics()
    fleet = ModelStore(open_registry, metrics)
    if prediction_log is not None:
        metrics.count_lost(lambda: prediction_log.lost)
    rollouts = LiveRollouts(fleet, metrics, flags_file)
    scoring = Scoring(rollouts, metrics, limits, prediction_log)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_load(fleet, rollouts, on_ready)),
            asyncio.create_task(scoring.shadows.run()),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await rollouts.close()
        if prediction_log is not None:
            prediction_log.close()

    app = FastAPI(title="Airworthy model server", lifespan=lifespan)
    check_token = token_check(read_token)
    app.add_middleware(
        ScoringMiddleware,
        fleet=fleet,
        metrics=metrics,
        limits=limits,
        check_token=check_token,
        scoring=scoring,
    )
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.include_router(administration(fleet, check_token))
    app.include_router(rollout_routes(fleet, rollouts, limits, prediction_log))
    _add_health(app, fleet, metrics)
    _add_models(app, fleet)
    return app


async def _load(
    fleet: ModelStore, rollouts: LiveRollouts, on_ready: Callable[[], None] | None
) -> None:
    await fleet.load_champions()
    # Before it is ready: a server that starts again in the middle of a canary goes on with it.
    await rollouts.start()
    fleet.ready = True
    if on_ready is not None:
        on_ready()
    await rollouts.watch()


def _add_health(app: FastAPI, fleet: ModelStore, metrics: Metrics) -> None:
    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready(response: Response) -> dict[str, Any]:
        """The champions have been loaded; `failed` names those that could not be."""
        response.status_code = 200 if fleet.ready else 503
        return {
            "status": "ready" if fleet.ready else "loading",
            "models": fleet.models,
            "failed": fleet.failed,
        }

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _add_models(app: FastAPI, fleet: ModelStore) -> None:
    @app.get("/models")
    async def models() -> dict[str, Any]:
        """Every model that is served, with its version."""
        return {
            "models": {name: fleet.describe(name) for name in fleet.models},
            "failed": fleet.failed,
        }

    @app.get("/models/{model}")
    async def model_of(model: str) -> dict[str, Any]:
        """A model's champion: version, digest, since when (UTC), inputs, and the candidates beside it."""
        await fleet.champion(model)
        return fleet.describe(model)

    @app.get("/models/{model}/example")
    async def example(model: str) -> Response:
        """A body that ``POST /models/{model}/invocations`` accepts, as it is."""
        found = await fleet.example(await fleet.champion(model))
        return Response(orjson.dumps(found), media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, RefusedError) else RefusedError(500, str(error))
    return _reply(refused.status, refused.body)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    received = f"{request.method} {request.url.path}"
    return _reply(
        status,
        {"error": detail, "received": received, "next_step": "GET /docs lists what can be asked"},
    )


async def _not_valid(request: Request, error: Exception) -> Response:
    first = (
        error.errors()[0]
        if isinstance(error, RequestValidationError)
        else {"loc": (), "msg": str(error)}
    )
    field = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return _reply(
        400, {"error": f"{field}: {first['msg']}", "field": field, "allowed": '{"version": "7"}'}
    )


def _reply(status: int, body: dict[str, Any]) -> Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return Response(
        orjson.dumps(body), status_code=status, headers=headers, media_type="application/json"
    )
