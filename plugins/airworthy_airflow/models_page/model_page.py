"""One model: its page, its ledger, and both as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from airworthy.model_status.model_history import ModelHistory
from airworthy.shown_text import one_line
from airworthy_airflow.access.page_login import User, train_dag_id
from airworthy_airflow.models_page.actions import permitted_actions
from airworthy_airflow.models_page.airflow_facts import airflow_facts
from airworthy_airflow.models_page.buttons import buttons_for
from airworthy_airflow.models_page.drawings import drift_lines, gate_drawing, slice_table
from airworthy_airflow.models_page.model_rows import ModelRow
from airworthy_airflow.models_page.reading import ModelName, readable_history
from airworthy_airflow.models_page.rendering import page
from airworthy_airflow.models_page.served_at import read_time, served_at

router = APIRouter()

_NEWEST_ENTRIES = 12
_ENTRIES_OF_A_PAGE = 200
_MOST_POINTS = 1000


@router.get("/models/{model}", response_class=HTMLResponse)
def one_model(request: Request, user: User, session: SessionDep, model: ModelName) -> HTMLResponse:
    """Show one model.

    Args:
        request: The request.
        user: The user.
        session: A session with Airflow's database.
        model: The model's name.
    """
    _, history = readable_history(user, model)
    row = ModelRow(history.summary, airflow_facts(session, [model])[model])
    values = {
        "model": model,
        "row": row,
        "history": history,
        "buttons": buttons_for(row, permitted_actions(user, model)),
        "chart": _chart(history),
        "gates": [(gate, gate_drawing(gate)) for gate in history.gates],
        "slices": slice_table(history.slices, history.metric),
        "drift": drift_lines(history.drift),
        "newest": history.ledger[: -_NEWEST_ENTRIES - 1 : -1],
        "versions": history.versions[::-1],
        "dag_id": train_dag_id(model),
        "now": datetime.now(UTC),
    }
    return page(request, "model.html", values)


@router.get("/models/{model}/ledger", response_class=HTMLResponse)
def ledger(
    request: Request,
    user: User,
    model: ModelName,
    at: str = "",
    before: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """Show a model's ledger as a time line, and what served at a time.

    Args:
        request: The request.
        user: The user.
        model: The model's name.
        at: A time, ISO 8601, in UTC unless it has an offset.
        before: Entries before this sequence number; None: the newest.
    """
    _, history = readable_history(user, model)
    time = read_time(at) if at else None
    lines = [line for line in history.ledger if before is None or line.sequence < before]
    shown = lines[: -_ENTRIES_OF_A_PAGE - 1 : -1]
    values = {
        "model": model,
        "at": at,
        "answer": served_at(history.services, time, datetime.now(UTC)) if time else None,
        "is_no_time": bool(at) and time is None,
        "services": history.services[::-1],
        "lines": shown,
        "total": len(history.ledger),
        "older": shown[-1].sequence if len(lines) > len(shown) else None,
    }
    return page(request, "ledger.html", values, status=422 if values["is_no_time"] else 200)


@router.get("/api/models/{model}")
def model_as_json(user: User, session: SessionDep, model: ModelName) -> dict[str, Any]:
    """Return all that the page shows as JSON: `ModelHistory`, its summary with ``airflow``."""
    _, history = readable_history(user, model)
    row = ModelRow(history.summary, airflow_facts(session, [model])[model])
    return history.as_json() | {"summary": row.as_json()}


def _chart(history: ModelHistory) -> dict[str, Any]:
    """Return what is drawn over time, texts on one line: points, their promise, and marks."""
    quality = history.summary.quality
    return {
        "metric": one_line(history.metric or "quality"),
        "promised": quality.promised if quality is not None else None,
        "points": [
            asdict(point) | {"version": one_line(point.version)}
            for point in history.quality[-_MOST_POINTS:]
        ],
        "marks": [
            asdict(mark) | {"text": one_line(mark.text)} for mark in history.marks[-_MOST_POINTS:]
        ],
    }
