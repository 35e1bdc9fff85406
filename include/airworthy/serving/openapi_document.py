"""The server's OpenAPI document, with the scoring routes of the champions that are served.

The scoring routes are answered by a middleware, so FastAPI does not know them.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from airworthy.protocol.request_schema import answer_schema, body_schema, row_schemas
from airworthy.serving.client_access import ClientAccess, asks_for_rows
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.route_responses import VERSION_PATTERN, Refusal, refusal_responses
from airworthy.spec.fields import MODEL_NAME

_TOKEN = "token"  # noqa: S105 - the name of the security scheme
_PAGES = {
    "/openapi.json": "application/json",
    "/docs": "text/html",
    "/docs/oauth2-redirect": "text/html",
    "/redoc": "text/html",
}
_KEY_HEADER = {
    "name": "x-targeting-key",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "A stable key of the caller. In a rollout, it keeps its version.",
}


class OpenAPIDocument:
    """Makes the document anew when a champion has changed. It runs on the server's event loop."""

    def __init__(
        self, app: FastAPI, model_store: ModelStore, limits: Limits, access: ClientAccess
    ) -> None:
        """Keep the parts.

        Args:
            app: Has the other routes.
            model_store: Has the champions.
            limits: The limits of one request.
            access: Who may ask.
        """
        self._access = access
        self._app = app
        self._model_store = model_store
        self._limits = limits
        self._champions: list[LoadedModel] | None = None
        self._document: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any]:
        """Return the document as JSON values."""
        champions = self._model_store.champions
        if champions != self._champions:
            self._document = self._make(champions)
            self._champions = champions
        return self._document

    def _make(self, champions: list[LoadedModel]) -> dict[str, Any]:
        document = get_openapi(
            title=self._app.title, version=self._app.version, routes=self._app.routes
        )
        _drop_422(document)
        components = document.setdefault("components", {})
        components["securitySchemes"] = {_TOKEN: {"type": "http", "scheme": "bearer"}}
        schemas = components.setdefault("schemas", {})
        schemas["Refusal"] = Refusal.model_json_schema()
        for loaded in champions:
            path = f"/models/{loaded.model}/invocations"
            document["paths"][path] = {"post": self._champion(loaded, schemas)}
        document["paths"]["/models/{model}/invocations"] = {"post": self._any_model()}
        versions = "/models/{model}/versions/{version}/invocations"
        document["paths"][versions] = {"post": self._any_version()}
        document["paths"] |= {path: {"get": _page(path)} for path in _PAGES}
        self._add_refusals(document["paths"])
        return document

    def _add_refusals(self, paths: dict[str, Any]) -> None:
        """Add what `AccessMiddleware` answers, and the token where it asks for one."""
        for path, operations in paths.items():
            for operation in operations.values():
                told = refusal_responses(400, 421)
                if self._access.limits_rate and asks_for_rows(path):
                    told |= refusal_responses(429)
                if self._access.required and asks_for_rows(path):
                    told |= refusal_responses(401, 403)
                    operation["security"] = [{_TOKEN: []}]
                operation["responses"] = told | operation["responses"]

    def _champion(self, loaded: LoadedModel, schemas: dict[str, Any]) -> dict[str, Any]:
        manifest = loaded.bundle.manifest
        rows = row_schemas(
            manifest.inputs, manifest.contract, loaded.optional, loaded.category_types
        )
        names = {part: f"{loaded.model}.{part}" for part in ("request", "answer")}
        schemas[names["request"]] = body_schema(rows, self._limits.max_rows, loaded.optional)
        schemas[names["answer"]] = answer_schema(manifest.task, manifest.classes)
        return _operation(
            f"invoke_{loaded.model}",
            f"The predictions of {loaded.model}",
            f"Served version: {loaded.version}. `GET /models/{loaded.model}/example` has a body.",
            [_KEY_HEADER],
            _reference(names["request"]),
            _reference(names["answer"]),
        )

    def _any_model(self) -> dict[str, Any]:
        return _operation(
            "invoke_model",
            "The predictions of a model",
            "The paths of the served models have the columns of each.",
            [_path_parameter("model", MODEL_NAME), _KEY_HEADER],
            body_schema(None, self._limits.max_rows),
            answer_schema(None, []),
        )

    def _any_version(self) -> dict[str, Any]:
        operation = _operation(
            "invoke_version",
            "The predictions of a loaded version, for administration",
            "No contract is asked, and nothing is logged.",
            [
                _path_parameter("model", MODEL_NAME),
                _path_parameter("version", f"^{VERSION_PATTERN}$"),
            ],
            body_schema(None, self._limits.max_rows),
            answer_schema(None, []),
        )
        operation["responses"] |= refusal_responses(401, 403)
        return operation | {"security": [{_TOKEN: []}]}


def _operation(
    name: str,
    summary: str,
    description: str,
    parameters: list[dict[str, Any]],
    body: dict[str, Any],
    answer: dict[str, Any],
) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    answered = {
        "description": "One prediction per row.",
        "headers": {"x-model-version": text},
        "content": {"application/json": {"schema": answer}},
    }
    return {
        "operationId": name,
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": answered}
        | refusal_responses(400, 404, 405, 409, 410, 413, 415, 429, 503),
    }


def _page(path: str) -> dict[str, Any]:
    content = {_PAGES[path]: {"schema": {"type": "object"} if path.endswith("json") else {}}}
    return {
        "operationId": "page_" + path.strip("/").replace(".", "_").replace("/", "_"),
        "summary": "This document, or a page made of it",
        "responses": {"200": {"description": "The document.", "content": content}},
    }


def _path_parameter(name: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _drop_422(document: dict[str, Any]) -> None:
    """Remove FastAPI's own status of invalid requests: this server answers 400."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    schemas = document.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
