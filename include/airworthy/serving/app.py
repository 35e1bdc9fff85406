"""The model server's FastAPI app."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from airworthy.errors import AirworthyError
from airworthy.known_errors import known_error
from airworthy.predictions.spool import PredictionLog
from airworthy.predictions.spool_quota import SpoolQuota
from airworthy.protocol.refusals import RefusedError, refusal_of
from airworthy.serving.access_middleware import AccessMiddleware
from airworthy.serving.admin_token import ReadToken, token_check
from airworthy.serving.async_registry import OpenRegistry
from airworthy.serving.break_glass_routes import break_glass_routes
from airworthy.serving.client_access import ClientAccess
from airworthy.serving.client_budgets import ClientBudgets
from airworthy.serving.followed_record import READY, FollowedRecord
from airworthy.serving.loaded_model import Limits
from airworthy.serving.openapi_document import OpenAPIDocument
from airworthy.serving.record_reader import Following
from airworthy.serving.rollout_routes import rollout_routes
from airworthy.serving.route_responses import refusal_headers, refusals
from airworthy.serving.scorer import Scorer
from airworthy.serving.scoring_middleware import ScoringMiddleware
from airworthy.serving.scoring_process import ScoringProcess
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.shared_metrics import SharedMetrics

WORKER_START_SECONDS = 60.0
_MEASURE_SECONDS = 2.0
_SWITCH_SECONDS = 0.001
_NOT_READY = {
    "description": "Versions with traffic are not loaded yet, or the record is lost.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def create_app(  # noqa: PLR0913 - the parts of one server
    open_registry: OpenRegistry,
    following: Following,
    read_token: ReadToken,
    limits: Limits | None = None,
    on_ready: Callable[[], None] | None = None,
    *,
    prediction_log: PredictionLog | None = None,
    shared_metrics: SharedMetrics | None = None,
    takes_over: bool = False,
    access: ClientAccess | None = None,
) -> FastAPI:
    """Return the server's app.

    Args:
        open_registry: Opens the registry of the versions.
        following: The record of the models' traffic, and the place of the server's reports.
        read_token: Returns administration's token. None closes administration.
        limits: The limits of one request. None: those of the environment.
        on_ready: Called once, when all versions with traffic have been loaded, and reported.
        prediction_log: Logs every answer before it leaves. None: no log. It is closed with the app.
        shared_metrics: The metrics of all workers on this port. The app then starts to listen when
            it is ready; without the record, after `WORKER_START_SECONDS`. None: this server is one
            process.
        takes_over: Whether clients wait at the socket already. The app then starts to listen when
            it is ready, as with `shared_metrics`.
        access: Who may ask. None: the rules of a server on loopback.
    """
    limits = limits or Limits.of(following.settings.limits)
    metrics = ServerMetrics(shared_metrics)
    if prediction_log is not None:
        prediction_log.on_lost = metrics.lost_records()
    access = access or ClientAccess(read_token, following.settings)
    record = FollowedRecord(open_registry, following, metrics)
    process = ScoringProcess()
    record.reporter.describe_clients = access.describe
    scorer = Scorer(record.rollouts, record.contracts, metrics, limits, prediction_log, process)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(scorer.shadows.run()),
            asyncio.create_task(metrics.refresh()),
        ]
        if prediction_log is not None:
            quota = prediction_log.quota
            tasks.append(asyncio.create_task(_measure(quota, metrics.show_spool(quota.limit))))
        # The event loop waits less long for a thread that scores a larger request.
        sys.setswitchinterval(_SWITCH_SECONDS)
        async with record.running(on_ready):
            if shared_metrics is not None or takes_over:
                await record.wait_until_ready(WORKER_START_SECONDS)
            yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        scorer.close()
        await process.close()
        if prediction_log is not None:
            prediction_log.close()

    app = FastAPI(title="Airworthy model server", lifespan=lifespan)
    check_token = token_check(read_token)
    app.add_middleware(
        ScoringMiddleware,
        record=record,
        metrics=metrics,
        limits=limits,
        check_token=check_token,
        scorer=scorer,
        budgets=ClientBudgets(following.settings.limits, logged=prediction_log is not None),
    )
    # The last one added is the outermost.
    app.add_middleware(AccessMiddleware, access=access)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(Exception, _failed)
    app.include_router(
        rollout_routes(
            record.models, record.rollouts, limits, prediction_log, process, record.labels
        )
    )
    app.include_router(break_glass_routes(record.going_back, check_token))
    _add_health(app, record, metrics)
    _add_models(app, record)
    app.openapi = OpenAPIDocument(app, record.model_store, limits, access)  # type: ignore[method-assign]
    return app


async def _measure(quota: SpoolQuota, show: Callable[[int], None]) -> None:
    """Measure the spool again and again, until cancelled."""
    while True:
        show(await asyncio.to_thread(quota.measure))
        await asyncio.sleep(_MEASURE_SECONDS)


def _add_health(app: FastAPI, record: FollowedRecord, metrics: ServerMetrics) -> None:
    @app.get("/health")
    @app.get("/healthz")
    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @app.get("/ready", responses={503: _NOT_READY})
    @app.get("/readyz", responses={503: _NOT_READY})
    @app.get("/health/ready", responses={503: _NOT_READY})
    async def ready(response: Response) -> dict[str, Any]:
        """The versions with traffic have been loaded. `failed` names the others with their errors.

        `record` says when the record was last seen, and since when it cannot be seen (UTC).
        """
        response.status_code = 200 if record.status == READY else 503
        return record.describe()

    @app.get("/metrics", response_class=PlainTextResponse)
    async def prometheus() -> Response:
        """Metrics in Prometheus' text format."""
        text = await metrics.scrape()
        return Response(text, media_type=CONTENT_TYPE_LATEST)


def _add_models(app: FastAPI, record: FollowedRecord) -> None:
    store, models = record.model_store, record.models

    @app.get("/models")
    async def all_models() -> dict[str, Any]:
        """Every served model, with its version."""
        return {
            "models": {name: store.describe(name) for name in store.models},
            "failed": models.failed,
        }

    @app.get("/models/{model}", responses=refusals(404, 409, 410, 503))
    async def model_of(model: str) -> dict[str, Any]:
        """A model's champion: version, digest, time of loading (UTC), inputs and candidates."""
        await models.champion(model)
        return store.describe(model)

    @app.get("/models/{model}/example", responses=refusals(404, 409, 410, 503))
    async def example(model: str) -> Response:
        """A valid body for ``POST /models/{model}/invocations``."""
        champion = await models.champion(model)
        body = _without(await record.registry.example(champion), champion.optional)
        return Response(orjson.dumps(body), media_type="application/json")


def _without(body: dict[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """Return an example without the columns that a request may leave out."""
    split = body.get("dataframe_split")
    if split is None or not columns:
        return body
    kept = [index for index, name in enumerate(split["columns"]) if name not in columns]
    data = [[row[index] for index in kept] for row in split["data"]]
    names = [split["columns"][index] for index in kept]
    return body | {"dataframe_split": split | {"columns": names, "data": data}}


async def _refused(_request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, RefusedError) else RefusedError(500, str(error))
    return _response(refused.status, refused.body, refusal_headers(refused))


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    received = f"{request.method} {request.url.path}"
    return _response(
        status,
        {"error": detail, "received": received, "next_step": "GET /docs lists what can be asked"},
        getattr(error, "headers", None),
    )


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a request that met a fault of the server. The traceback is in the server's log."""
    if isinstance(error, AirworthyError):
        return await _refused(request, refusal_of(error))
    body = {
        "error": f"the server failed: {known_error(error).problem}",
        "received": f"{request.method} {request.url.path}",
        "next_step": "look at the server's log",
    }
    return _response(500, body)


async def _not_valid(_request: Request, error: Exception) -> Response:
    first = (
        error.errors()[0]
        if isinstance(error, RequestValidationError)
        else {"loc": (), "msg": str(error)}
    )
    field = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return _response(400, {"error": f"{field}: {first['msg']}", "field": field})


def _response(
    status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        orjson.dumps(body), status_code=status, headers=headers, media_type="application/json"
    )
