"""Pages made from templates. Every value is escaped: what comes from data is text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from airworthy.shown_text import one_line, visible
from airworthy_airflow.models_page import shown


@cache
def templates() -> Environment:
    """Return the templates below ``templates/``, with autoescape."""
    environment = Environment(
        loader=PackageLoader("airworthy_airflow.models_page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "age": shown.age,
        "day": shown.day,
        "figure": shown.figure,
        "minute": shown.minute,
        "share": shown.share,
        "line": one_line,
        "text": visible,
    }
    return environment


def page(
    request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """Return a page.

    Args:
        request: The request. Links begin with the path at which the application is mounted.
        template: The template's file name.
        values: The template's values. ``root`` is added: the path before ``/models/...``, without
            a slash at its end. ``airflow`` too: the path before Airflow's ``/dags/...``.
        status: The HTTP status.
    """
    root = str(request.scope.get("root_path", "")).rstrip("/")
    airflow = root.removesuffix("/airworthy")
    html = templates().get_template(template).render(root=root, airflow=airflow, **values)
    return HTMLResponse(html, status_code=status)
