"""The scoring routes, a middleware around the app. They are called most and skip its routing.

``POST /models/<model>/invocations`` is public. The champion answers it, or in a rollout the arm of
the request's targeting key. ``POST /models/<model>/versions/<version>/invocations`` is part of
administration. One loaded version answers it.
"""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from airworthy.protocol.refusals import RefusedError, short_repr
from airworthy.serving.admin_token import TokenCheck
from airworthy.serving.client_access import client_of
from airworthy.serving.client_budgets import ClientBudgets
from airworthy.serving.followed_record import FollowedRecord
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.serving.request_body import BODY_BUDGET, check_type, header, read_body
from airworthy.serving.rollout_arms import CHAMPION
from airworthy.serving.route_responses import VERSION_PATTERN, refusal_headers
from airworthy.serving.scorer import Scorer
from airworthy.serving.server_metrics import NO_VERSION, ServerMetrics

_JSON_TYPE = (b"content-type", b"application/json")


class ScoringMiddleware:
    """Answers scoring requests. All others go to the app."""

    def __init__(  # noqa: PLR0913 - the parts of one server
        self,
        app: ASGIApp,
        record: FollowedRecord,
        metrics: ServerMetrics,
        limits: Limits,
        check_token: TokenCheck,
        scorer: Scorer,
        budgets: ClientBudgets,
    ) -> None:
        """Wrap the app.

        Args:
            app: Answers all other requests.
            record: Has the loaded versions, by the record.
            metrics: Counts requests.
            limits: The limits of one request.
            check_token: Checks administration's token.
            scorer: Scores the bodies.
            budgets: The budgets of larger requests.
        """
        self._app = app
        self._record = record
        self._model_store = record.model_store
        self._metrics = metrics
        self._limits = limits
        self._check_token = check_token
        self._scorer = scorer
        self._budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            match scope["path"].split("/"):
                case ["", "models", model, "invocations"]:
                    if scope["method"] == "POST":
                        await self._answer(scope, receive, send, model)
                    else:
                        await _refuse_method(scope, send)
                    return
                case ["", "models", model, "versions", version, "invocations"]:
                    if scope["method"] == "POST":
                        await self._answer_with_version(scope, receive, send, model, version)
                    else:
                        await _refuse_method(scope, send)
                    return
            scope[BODY_BUDGET] = self._budgets.body_bytes
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, model: str) -> None:
        """Answer a public request."""
        started = perf_counter()
        champion: LoadedModel | None = None
        try:
            check_type(scope)
            self._record.check_seen()
            champion = self._model_store.champion(model)
            if champion is None:
                champion = await self._record.models.champion(model)
            budget = self._budgets.body_bytes
            body = await read_body(scope, receive, self._limits.max_bytes, budget)
            key = (header(scope, b"x-targeting-key") or b"").decode("latin-1")
            client = client_of(scope)
            if len(body) <= self._limits.inline_bytes:
                answer = await self._scorer.answer(champion, body, key, started, client)
            else:
                with self._budgets.large_request(scope, len(body), logged=True):
                    answer = await self._scorer.answer(champion, body, key, started, client)
        except RefusedError as refused:
            self._metrics.record_request(
                champion, CHAMPION if champion else NO_VERSION, refused.status, (), started
            )
            await _refuse(send, refused)
            return
        except Exception:
            # An alert needs this count of failed requests.
            self._metrics.record_request(
                champion, CHAMPION if champion else NO_VERSION, 500, (), started
            )
            raise
        loaded = answer.loaded
        self._metrics.record_request(loaded, answer.arm, 200, answer.predictions, started)
        content = {
            "predictions": answer.predictions,
            "model": loaded.model,
            "version": loaded.version,
            "id": answer.id,
            **loaded.class_names(answer.predictions),
        }
        version = (b"x-model-version", loaded.version.encode("latin-1"))
        await _send(
            send,
            200,
            content,
            [_JSON_TYPE, version, (b"x-prediction-id", answer.id.encode("latin-1"))],
        )
        if answer.shadow is not None:
            self._scorer.shadows.offer(answer.shadow)

    async def _answer_with_version(
        self, scope: Scope, receive: Receive, send: Send, model: str, version: str
    ) -> None:
        """Answer a request of administration with one version."""
        started = perf_counter()
        loaded: LoadedModel | None = None
        try:
            check_type(scope)
            if not client_of(scope).is_admin:
                self._check_token(header(scope, b"authorization"))
            _check_version(version)
            loaded = self._model_store.loaded_version(model, version)
            budget = self._budgets.body_bytes
            body = await read_body(scope, receive, self._limits.max_bytes, budget)
            with self._budgets.large_request(scope, len(body), logged=False):
                predictions = await self._scorer.predict(loaded, body)
        except RefusedError as refused:
            self._metrics.record_request(loaded, NO_VERSION, refused.status, (), started)
            await _refuse(send, refused)
            return
        self._metrics.record_request(loaded, NO_VERSION, 200, predictions, started)
        content = {
            "predictions": predictions,
            "model": loaded.model,
            "version": loaded.version,
            **loaded.class_names(predictions),
        }
        await _send(
            send, 200, content, [_JSON_TYPE, (b"x-model-version", loaded.version.encode("latin-1"))]
        )


def _check_version(version: str) -> None:
    if re.fullmatch(VERSION_PATTERN, version) is None:
        allowed = "a version's number: digits 0 to 9, no leading zero"
        received = short_repr(version)
        raise RefusedError(
            400,
            f"version: received {received}, allowed: {allowed}",
            field="version",
            received=received,
            allowed=allowed,
        )


async def _refuse_method(scope: Scope, send: Send) -> None:
    method = scope["method"][:20]
    refused = RefusedError(
        405,
        f"received {method}, allowed: POST",
        received=method,
        allowed="POST",
        next_step="GET /docs lists what can be asked",
    )
    await _send(send, refused.status, refused.body, [_JSON_TYPE, (b"allow", b"POST")])


async def _refuse(send: Send, refused: RefusedError) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in refusal_headers(refused).items()
    ]
    await _send(send, refused.status, refused.body, [_JSON_TYPE, *headers])


async def _send(
    send: Send, status: int, content: dict[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    body = orjson.dumps(content)
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
