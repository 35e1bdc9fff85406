"""The list of models, as a page and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from airworthy_airflow.access.page_login import User
from airworthy_airflow.models_page.model_rows import ListChoice, SortKey, chosen_rows
from airworthy_airflow.models_page.reading import readable_rows
from airworthy_airflow.models_page.rendering import page

router = APIRouter()

Choice = Annotated[ListChoice, Query()]
_COLUMNS: list[tuple[SortKey | None, str]] = [
    ("model", "Model"),
    ("owner", "Owner"),
    ("age", "Champion"),
    ("quality", "Quality"),
    ("drift", "Drift"),
    (None, "Traffic"),
    ("last_run", "Last run"),
    ("next_run", "Next run"),
    ("needs", "Waits for a person"),
]


@router.get("/", response_class=HTMLResponse)
def list_of_models(
    request: Request, user: User, session: SessionDep, choice: Choice
) -> HTMLResponse:
    """Show every model that the user may read.

    Args:
        request: The request.
        user: The user.
        session: A session with Airflow's database.
        choice: Filter and order.
    """
    every = readable_rows(session, user)
    values = {
        "rows": chosen_rows(every, choice),
        "total": len(every),
        "waiting": sum(1 for row in every if row.needs),
        "choice": choice,
        "columns": [_column(choice, key, title) for key, title in _COLUMNS],
        "now": datetime.now(UTC),
    }
    return page(request, "list.html", values)


@router.get("/api/models")
def models_as_json(user: User, session: SessionDep, choice: Choice) -> dict[str, Any]:
    """Return the same as JSON, below ``models``."""
    rows = chosen_rows(readable_rows(session, user), choice)
    return {"models": [row.as_json() for row in rows]}


def _column(choice: ListChoice, key: SortKey | None, title: str) -> dict[str, Any]:
    """Return a column's title, the address that sorts by it, and how it is sorted now."""
    if key is None:
        return {"title": title, "query": None, "sorted": None}
    is_chosen = choice.sort == key
    order = "desc" if is_chosen and choice.order == "asc" else "asc"
    query = {"q": choice.q, "only": choice.only, "sort": key, "order": order}
    direction = "ascending" if choice.order == "asc" else "descending"
    return {
        "title": title,
        "query": urlencode(query),
        "sorted": direction if is_chosen else None,
    }
