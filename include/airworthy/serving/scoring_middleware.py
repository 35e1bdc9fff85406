"""The scoring routes, as a layer around the rest of the app: they are asked most, so they do without routing.

``POST /models/<model>/invocations`` is everybody's: the champion answers it, or in a rollout the arm that its targeting
key belongs to. ``POST /models/<model>/versions/<version>/invocations`` (administration) asks one loaded version.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.admin_token import TokenCheck
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.request_body import check_type, header, read_body
from airworthy.serving.rollout_arms import CHAMPION
from airworthy.serving.scorer import Scoring
from airworthy.serving.server_metrics import NOBODY, Metrics

_JSON_TYPE = (b"content-type", b"application/json")


class ScoringMiddleware:
    """Answers scoring requests; hands everything else on."""

    def __init__(
        self,
        app: ASGIApp,
        fleet: ModelStore,
        metrics: Metrics,
        limits: Limits,
        check_token: TokenCheck,
        scoring: Scoring,
    ) -> None:
        """Wrap `app`."""
        self._app = app
        self._fleet = fleet
        self._metrics = metrics
        self._limits = limits
        self._check_token = check_token
        self._scoring = scoring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            match scope["path"].split("/"):
                case ["", "models", model, "invocations"]:
                    return await self._answer(scope, receive, send, model)
                case ["", "models", model, "versions", version, "invocations"]:
                    return await self._answer_by(scope, receive, send, model, version)
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, model: str) -> None:
        """Answer everybody's request."""
        started = perf_counter()
        champion: LoadedModel | None = None
        try:
            check_type(scope)
            champion = self._fleet.serving(model) or await self._fleet.champion(model)
            body = await read_body(scope, receive, self._limits.max_bytes)
            key = header(scope, b"x-targeting-key") or b""
            answer = await self._scoring.answer(champion, body, key.decode("latin-1"), started)
        except RefusedError as refused:
            self._metrics.answered(
                champion, CHAMPION if champion else NOBODY, refused.status, (), started
            )
            return await _send(send, refused.status, refused.body, [_JSON_TYPE])
        except Exception:
            # Whatever it is, somebody waited in vain: an alert counts on this.
            self._metrics.answered(champion, CHAMPION if champion else NOBODY, 500, (), started)
            raise
        loaded = answer.loaded
        self._metrics.answered(loaded, answer.arm, 200, answer.predictions, started)
        reply = {
            "predictions": answer.predictions,
            "model": loaded.model,
            "version": loaded.version,
            "id": answer.id,
        }
        version = (b"x-model-version", loaded.version.encode("latin-1"))
        await _send(
            send,
            200,
            reply,
            [_JSON_TYPE, version, (b"x-prediction-id", answer.id.encode("latin-1"))],
        )
        if answer.shadow is not None:
            self._scoring.shadows.offer(answer.shadow)

    async def _answer_by(
        self, scope: Scope, receive: Receive, send: Send, model: str, version: str
    ) -> None:
        """Answer administration's request to one version."""
        started = perf_counter()
        loaded: LoadedModel | None = None
        try:
            check_type(scope)
            self._check_token(header(scope, b"authorization"))
            loaded = self._fleet.candidate(model, version)
            predictions = await self._scoring.predict(
                loaded, await read_body(scope, receive, self._limits.max_bytes)
            )
        except RefusedError as refused:
            self._metrics.answered(loaded, NOBODY, refused.status, (), started)
            return await _send(send, refused.status, refused.body, [_JSON_TYPE])
        self._metrics.answered(loaded, NOBODY, 200, predictions, started)
        reply = {"predictions": predictions, "model": loaded.model, "version": loaded.version}
        await _send(
            send, 200, reply, [_JSON_TYPE, (b"x-model-version", loaded.version.encode("latin-1"))]
        )


async def _send(
    send: Send, status: int, reply: dict[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    content = orjson.dumps(reply)
    headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
