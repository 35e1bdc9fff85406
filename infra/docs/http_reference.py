"""The reference page of the model server's HTTP API, made from its OpenAPI document."""

from __future__ import annotations

import tempfile
from typing import Any

from docstrings import summary
from fastapi import FastAPI
from markdown import code, page, table
from schema_tables import object_tables, type_words

from airworthy.environment import load_environment
from airworthy.registry.registry import open_registry
from airworthy.server_limits import ServerLimits
from airworthy.server_settings import ServerSettings
from airworthy.serving.app import create_app
from airworthy.serving.client_access import ClientAccess
from airworthy.serving.record_reader import Following, LakeRecord

_ANYBODY = "Anybody may ask."
_CLIENT = (
    "A client may ask: `Authorization: Bearer TOKEN`, of `airworthy clients add`. A server on "
    "loopback asks for no token, unless its environment does."
)
_ADMINISTRATION = "Administration alone may ask: `Authorization: Bearer TOKEN`, the server's token."


def http_page() -> str:
    """Return the page of the HTTP API."""
    with tempfile.TemporaryDirectory() as folder:
        document = _app(folder, "0.0.0.0").openapi()  # noqa: S104 - nothing is bound
        on_loopback = _app(folder, "127.0.0.1").openapi()["paths"]
    schemas = document["components"]["schemas"]
    whole = {"$defs": schemas, "properties": {}}
    names = {name: name for name in sorted(schemas) if "properties" in schemas[name]}
    limits = ServerLimits.model_json_schema(mode="validation")
    return page(
        "HTTP API of the model server",
        "`airworthy serve` answers these routes; `GET /openapi.json` has the same, with the columns "
        "of each model that is served. A refusal has the object `Refusal` as its body.",
        *(
            part
            for path in sorted(document["paths"])
            for method, operation in document["paths"][path].items()
            for part in _operation(
                f"{method.upper()} {path}",
                operation,
                _who(operation, on_loopback[path][method]),
                names,
            )
        ),
        *object_tables(whole, names),
        "## Limits",
        "`server.limits` of an environment changes them. Beyond one, a request is refused with 413, "
        "429 or 431, or its connection is closed.",
        *object_tables(limits, {"": "Default limits"}),
    )


def _app(folder: str, host: str) -> FastAPI:
    environment = load_environment()
    access = ClientAccess(lambda: None, ServerSettings(), host=host)
    following = Following(LakeRecord(f"{folder}/lake"))
    return create_app(lambda: open_registry(environment), following, lambda: None, access=access)


def _operation(route: str, operation: dict[str, Any], who: str, names: dict[str, str]) -> list[str]:
    rows = [
        (code(each["name"]), each["in"], _required(each), each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    return [
        f"## {route}",
        summary(operation.get("description")) or str(operation.get("summary", "")),
        who,
        table(("parameter", "in", "needed", "meaning"), rows),
        _body(operation.get("requestBody"), names),
        table(("answer", "meaning", "body"), _answers(operation["responses"], names)),
    ]


def _who(operation: dict[str, Any], on_loopback: dict[str, Any]) -> str:
    """Return who may ask. On loopback nobody but administration needs a token."""
    if "401" in on_loopback["responses"]:
        return _ADMINISTRATION
    return _CLIENT if "401" in operation["responses"] else _ANYBODY


def _required(parameter: dict[str, Any]) -> str:
    return "required" if parameter.get("required") else "optional"


def _body(body: dict[str, Any] | None, names: dict[str, str]) -> str:
    if body is None:
        return ""
    kinds = ", ".join(
        f"{code(kind)}: {_schema_words(content, names)}"
        for kind, content in body["content"].items()
    )
    return f"Body: {kinds}."


def _answers(responses: dict[str, Any], names: dict[str, str]) -> list[tuple[str, str, str]]:
    return [
        (
            code(status),
            response["description"],
            ", ".join(
                _schema_words(content, names) for content in response.get("content", {}).values()
            ),
        )
        for status, response in sorted(responses.items())
    ]


def _schema_words(content: dict[str, Any], names: dict[str, str]) -> str:
    schema = content.get("schema", {})
    words = type_words(schema, names) if schema else "text"
    keys = ", ".join(map(code, schema.get("properties", {})))
    return f"{words} with {keys}" if keys else words
