"""The OpenAPI document tells the whole HTTP surface.

`tests/core/serving/test_openapi.py` asks each route what the document allows, and more.
"""

from __future__ import annotations

from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Mount
from tests.core.serving.conftest import FolderRegistry

from airworthy.serving.app import create_app

_SCORING = {
    ("POST", "/models/{model}/invocations"),
    ("POST", "/models/{model}/versions/{version}/invocations"),
}


def test_each_route_is_in_the_document_with_each_of_its_methods(tmp_path: Path) -> None:
    """Those of the app, the pages of the document itself, and the scoring routes of the middleware."""
    registry = FolderRegistry(tmp_path)
    app = create_app(lambda: registry, registry.record.following(), lambda: None)
    document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    told = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    served = {
        (method, route.path)  # type: ignore[attr-defined]
        for route in app.routes
        for method in set(getattr(route, "methods", ())) - {"HEAD"}
    }
    assert not any(isinstance(route, Mount) for route in app.routes)
    assert told == served | _SCORING
