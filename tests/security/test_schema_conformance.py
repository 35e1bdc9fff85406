"""The OpenAPI document tells the whole HTTP surface.

`tests/core/serving/test_openapi.py` asks each route what the document allows, and more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from starlette.routing import Mount
from tests.core.serving.conftest import FolderRegistry

from airworthy.serving.app import create_app

from .asked_server import ADMIN, asked_server

EXAMPLES = 6
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


@pytest.mark.parametrize("token", [ADMIN, None])
def test_a_server_beyond_loopback_answers_as_its_document_says(
    tmp_path: Path, token: str | None
) -> None:
    """With a token all checks of schemathesis hold, its own ones of the token too; without one, no
    route below `/models` answers with a 2xx, and what it answers is in the document.
    """
    # The check of the token takes this spelling of the header away, and no other.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with asked_server(tmp_path) as asked:
        schema = schemathesis.openapi.from_url(f"{asked.url}/openapi.json")
        schema.config.update(headers=headers)
        schema.config.generation.update(modes=[GenerationMode.POSITIVE], deterministic=True)
        tried: dict[str, set[int]] = {}
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()

            @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: schemathesis.Case[Any]) -> None:
                # Some bodies are valid for another model only, and columns have one length.
                left_out: list[Any] = [CHECKS.get_one("positive_data_acceptance")]
                reply = case.call_and_validate(headers=headers, excluded_checks=left_out)
                tried.setdefault(case.operation.path, set()).add(reply.status_code)

            ask()
    closed = {path for path, statuses in tried.items() if statuses <= {401, 403}}
    assert closed == (set() if token else {path for path in tried if path.startswith("/models")})
    assert all(status < 500 for statuses in tried.values() for status in statuses)
