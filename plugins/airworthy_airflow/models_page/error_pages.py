"""Errors as pages, or as JSON below ``/api``: what is wrong, and what to do next."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from airworthy.errors import AirworthyError, TransientError
from airworthy.shown_text import visible
from airworthy_airflow.models_page.rendering import page

_LOG = logging.getLogger(__name__)


def refused_page(request: Request, error: Exception) -> Response:
    """Answer what a route refused: no login, no permission, no such page."""
    if not isinstance(error, HTTPException):
        raise error
    answer = _answer(request, error.status_code, str(error.detail), None)
    answer.headers.update(error.headers or {})
    return answer


def unreadable_request_page(request: Request, error: Exception) -> Response:
    """Answer a request with parameters that do not fit."""
    del error
    return _answer(request, 422, "the request has parameters that this page does not know", None)


def trouble_page(request: Request, error: Exception) -> Response:
    """Answer with an error of Airworthy's own: 503 when it passes, else 500."""
    if not isinstance(error, AirworthyError):
        raise error
    _LOG.warning("the Models page could not answer %s: %s", request.url.path, error)
    status = 503 if isinstance(error, TransientError) else 500
    return _answer(request, status, error.problem, error.next_step)


def _answer(request: Request, status: int, problem: str, next_step: str | None) -> Response:
    if _is_json(request):
        return JSONResponse({"detail": problem, "next": next_step}, status_code=status)
    values = {
        "status": status,
        "phrase": HTTPStatus(status).phrase,
        "problem": visible(problem),
        "next_step": next_step,
    }
    return page(request, "error.html", values, status=status)


def _is_json(request: Request) -> bool:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return bool(path.startswith("/api/"))
