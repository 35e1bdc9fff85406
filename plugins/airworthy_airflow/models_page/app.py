"""The FastAPI application of the Models page. Airflow's API server mounts it at ``/airworthy``."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from airworthy.errors import AirworthyError
from airworthy_airflow.models_page import (
    actions,
    lineage_page,
    list_page,
    model_page,
    versions_page,
)
from airworthy_airflow.models_page.error_pages import (
    refused_page,
    trouble_page,
    unreadable_request_page,
)
from airworthy_airflow.models_page.security_headers import SecurityHeaders

_STATIC = Path(__file__).parent / "static"


def models_page_app() -> FastAPI:
    """Return the application. It reads the environment at each request, and nothing before.

    Every route but ``/static`` asks for Airflow's login. It has no OpenAPI document.
    """
    app = FastAPI(title="Airworthy", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(HTTPException, refused_page)
    app.add_exception_handler(RequestValidationError, unreadable_request_page)
    app.add_exception_handler(AirworthyError, trouble_page)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    for module in (list_page, model_page, versions_page, lineage_page, actions):
        app.include_router(module.router)
    return app
