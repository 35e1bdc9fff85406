"""The list of models."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from airworthy_airflow.models_page.login import User
from airworthy_airflow.models_page.rendering import page

router = APIRouter()


@router.get("/", response_class=HTMLResponse)
def list_of_models(request: Request, user: User) -> HTMLResponse:
    """Show every model that the user may read."""
    return page(request, "list.html", {"user": user.get_name(), "models": []})
