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
from airworthy.serving.administration import administration_routes
from airworthy.serving.async_registry import OpenRegistry
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.loaded_model import Limits
from airworthy.serving.model_store import ModelStore
from airworthy.serving.rollout_routes import rollout_routes
from airworthy.serving.scorer import Scorer
from airworthy.serving.scoring_middleware import ScoringMiddleware
from airworthy.serving.server_metrics import ServerMetrics


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
        open_registry: Opens the registry of the versions.
        read_token: Returns administration's token. None closes administration.
        limits: The limits of one request.
        on_ready: Called once, when the champions and the versions named by flags have been loaded.
        flags_file: The flagd file of rollouts. It is polled and may be missing. None: no rollouts.
        prediction_log: Logs every answer before it leaves. None: no log. It is closed with the app.
    """
    limits = limits or Limits()
    metrics = ServerMetrics()
    model_store = ModelStore(open_registry, metrics)
    if prediction_log is not None:
        prediction_log.on_lost = metrics.lost_records()
    rollouts = LiveRollouts(model_store, metrics, flags_file)
    scorer = Scorer(rollouts, metrics, limits, prediction_log)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_load(model_store, rollouts, on_ready)),
            asyncio.create_task(scorer.shadows.run()),
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
        model_store=model_store,
        metrics=metrics,
        limits=limits,
        check_token=check_token,
        scorer=scorer,
    )
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.include_router(administration_routes(model_store, check_token))
    app.include_router(rollout_routes(model_store, rollouts, limits, prediction_log))
    _add_health(app, model_store, metrics)
    _add_models(app, model_store)
    return app


async def _load(
    model_store: ModelStore, rollouts: LiveRollouts, on_ready: Callable[[], None] | None
) -> None:
    await model_store.load_champions()
    # This comes before `ready`: a server restarted during a canary continues the canary.
    await rollouts.start()
    model_store.ready = True
    if on_ready is not None:
        on_ready()
    await rollouts.poll_flags()


def _add_health(app: FastAPI, model_store: ModelStore, metrics: ServerMetrics) -> None:
    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready(response: Response) -> dict[str, Any]:
        """The champions have been loaded. `failed` names the others with their errors."""
        response.status_code = 200 if model_store.ready else 503
        return {
            "status": "ready" if model_store.ready else "loading",
            "models": model_store.models,
            "failed": model_store.failed,
        }

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _add_models(app: FastAPI, model_store: ModelStore) -> None:
    @app.get("/models")
    async def models() -> dict[str, Any]:
        """Every served model, with its version."""
        return {
            "models": {name: model_store.describe(name) for name in model_store.models},
            "failed": model_store.failed,
        }

    @app.get("/models/{model}")
    async def model_of(model: str) -> dict[str, Any]:
        """A model's champion: version, digest, time of loading (UTC), inputs and candidates."""
        await model_store.champion(model)
        return model_store.describe(model)

    @app.get("/models/{model}/example")
    async def example(model: str) -> Response:
        """A valid body for ``POST /models/{model}/invocations``."""
        body = await model_store.example(await model_store.champion(model))
        return Response(orjson.dumps(body), media_type="application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, RefusedError) else RefusedError(500, str(error))
    return _response(refused.status, refused.body)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    received = f"{request.method} {request.url.path}"
    return _response(
        status,
        {"error": detail, "received": received, "next_step": "GET /docs lists what can be asked"},
    )


async def _not_valid(_request: Request, error: Exception) -> Response:
    first = (
        error.errors()[0]
        if isinstance(error, RequestValidationError)
        else {"loc": (), "msg": str(error)}
    )
    field = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return _response(
        400, {"error": f"{field}: {first['msg']}", "field": field, "allowed": '{"version": "7"}'}
    )


def _response(status: int, body: dict[str, Any]) -> Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return Response(
        orjson.dumps(body), status_code=status, headers=headers, media_type="application/json"
    )
