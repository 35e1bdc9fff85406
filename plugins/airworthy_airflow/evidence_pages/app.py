"""The FastAPI application of the evidence pages. Airflow's API server mounts it at `PREFIX`.

Every route asks for Airflow's login, and for the right to read the model's train DAG. A page is
shown in a sandbox: it has no origin, so it reaches neither Airflow's API nor its cookies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from http import HTTPStatus
from pathlib import PurePosixPath

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from airworthy.errors import AirworthyError, TransientError
from airworthy.sandboxed_page import content_policy
from airworthy.shown_text import one_line
from airworthy_airflow.access.page_login import User, require_readable
from airworthy_airflow.evidence_pages import files

PREFIX = "/airworthy/evidence"
_POLICY = f"sandbox allow-scripts; frame-ancestors 'self'; {content_policy(scripts=True)}"
_LIST_POLICY = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body><h1>{title}</h1>
{body}
</body>
</html>
"""


def _require_readable(model: str, user: User) -> None:
    require_readable(user, model)


router = APIRouter(dependencies=[Depends(_require_readable)])


@router.get("/{model}/{run}/data_docs", response_class=HTMLResponse)
def data_docs(model: str, run: str) -> Response:
    """Show the Data Docs page of a validation, or the list of its days when there are several."""
    pages = files.data_docs_of(model, run)
    if not pages:
        raise _missing(model, run, "Data Docs")
    if len(pages) == 1:
        return _shown(files.read_data_docs_page(model, pages[0]), model, run, "Data Docs")
    rows = "".join(
        f'<li><a href="data_docs/{escape(page.day)}">{escape(page.day)}</a>: '
        f"{'passed' if page.success else 'some expectations failed'}</li>\n"
        for page in pages
    )
    return _own_page(f"Data Docs of {model}", f"<p>Run {_text(run)}</p><ul>{rows}</ul>")


@router.get("/{model}/{run}/data_docs/{day}", response_class=HTMLResponse)
def data_docs_of_day(model: str, run: str, day: str) -> Response:
    """Show the Data Docs page of one day."""
    pages = files.data_docs_of(model, run) if files.is_day(day) else None
    page = next((page for page in pages or [] if page.day == day), None)
    content = None if page is None else files.read_data_docs_page(model, page)
    return _shown(content, model, run, f"Data Docs of {day}")


@router.get("/{model}/{run}/{name}")
def evidence_file(model: str, run: str, name: str) -> Response:
    """Show a file of a run's evidence, such as ``report.html`` or ``verdict.json``."""
    return _shown(files.read_file(model, run, name), model, run, name)


def evidence_pages_app() -> FastAPI:
    """Return the application. It reads the environment at each request, and nothing before."""
    app = FastAPI(title="Airworthy evidence", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(AirworthyError, _trouble)
    app.middleware("http")(_with_headers)
    app.include_router(router)
    return app


async def _with_headers(
    request: Request, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await answer(request)
    for name, value in _HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("content-security-policy", _LIST_POLICY)
    return response


def _shown(content: bytes | None, model: str, run: str, name: str) -> Response:
    """Return a file in a sandbox.

    Raises:
        HTTPException: 404 when there is none.
    """
    if content is None:
        raise _missing(model, run, name)
    kind = files.CONTENT_TYPES.get(PurePosixPath(name).suffix, files.CONTENT_TYPES[".html"])
    return Response(content, media_type=kind, headers={"content-security-policy": _POLICY})


def _missing(model: str, run: str, name: str) -> HTTPException:
    return HTTPException(
        404,
        f"run {run} of {model} has no {name}: the task did not get so far, or the file was "
        "removed. The task's log says which",
    )


def _refused(request: Request, error: Exception) -> Response:
    """Answer what a route refused: no login, no permission, no such page."""
    del request
    assert isinstance(error, StarletteHTTPException)
    status = error.status_code
    answer = _own_page(HTTPStatus(status).phrase, f"<p>{_text(str(error.detail))}.</p>", status)
    answer.headers.update(error.headers or {})
    return answer


def _trouble(request: Request, error: Exception) -> Response:
    """Answer with an error of Airworthy's own: 503 when it passes, else 500."""
    del request
    assert isinstance(error, AirworthyError)
    status = 503 if isinstance(error, TransientError) else 500
    return _own_page(HTTPStatus(status).phrase, f"<p>{_text(error.problem)}</p>", status)


def _own_page(title: str, body: str, status: int = 200) -> Response:
    """Return a page without scripts; `body` is HTML, with every text in it escaped."""
    return HTMLResponse(_PAGE.format(title=_text(title), body=body), status_code=status)


def _text(text: str) -> str:
    return escape(one_line(text))
