"""Asks each endpoint of Airflow and of our pages as somebody of each role, and writes who may use it.

``python -m tests.security.rights_table simple FILE`` writes the table of the embedded stack's auth
manager, ``... fab FILE`` that of several machines. A cell says whether the person is let through:
what an endpoint does then is no matter, so most requests name DAGs that are not there.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx

PROJECT: Final = Path(__file__).resolve().parents[2]
ROLES: Final = ("viewer", "ml_engineer", "approver", "operator", "admin")
PEOPLE: Final = (*ROLES, "no_role", "no_login")
MANAGERS: Final = {
    "simple": "airworthy_airflow.access.simple_auth_manager.SimpleRolesAuthManager",
    "fab": "airworthy_auth_manager.UserNamesAuthManager",
}
_KINDS: Final = ("__train", "__rollback")
_SITE: Final = "http://airflow.test"
_WRITES: Final = ("POST", "PUT", "PATCH", "DELETE")
_NAMES: Final = {
    "dag_run_id": "absent",
    "run_id": "absent",
    "task_id": "absent",
    "map_index": "-1",
    "backfill_id": "1",
    "event_log_id": "1",
    "asset_id": "1",
    "asset_alias_id": "1",
    "import_error_id": "1",
    "try_number": "1",
    "task_try_number": "1",
    "version_number": "1",
}
# Words of refusals that are no 403, or not the only one: some say that there is nothing.
_REFUSALS: Final = (
    "that you may read",
    "may look at",
    "is none of the approvers",
    "Backfill not found",
)
_HITL: Final = "/api/v2/dags/<model>__train/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails"
_ACTIONS: Final = {"connections": "connection_id", "variables": "key", "pools": "name"}


class Question(NamedTuple):
    """A request that each person sends."""

    name: str
    app: Any
    method: str
    path: str
    body: Any


def main(manager: str, file: str) -> None:
    """Write the table of one auth manager."""
    with tempfile.TemporaryDirectory() as folder:
        _set_variables(Path(folder), MANAGERS[manager])
        from airflow.api_fastapi.app import create_app
        from tests.security.models_page_site import open_site

        with open_site(Path(folder) / "site") as site:
            tokens = dict(_tokens(manager))
            airflow = create_app("core")
            # One after the other: a release that waits with approvers would change the rows before.
            questions = chain(
                _airflow_questions(airflow),
                _page_questions(site),
                _approver_questions(site, airflow),
            )
            rows = asyncio.run(_ask_all(questions, tokens))
    Path(file).write_text("".join(f"{line}\n" for line in _lines(rows)), encoding="utf-8")


def _lines(rows: dict[str, list[str]]) -> Iterator[str]:
    width = max(map(len, rows))
    yield f"{'':{width}}  {'  '.join(PEOPLE)}"
    for name in sorted(rows, key=lambda row: (row.split(" ", 1)[1], row)):
        cells = [f"{cell:{len(who)}}" for who, cell in zip(PEOPLE, rows[name], strict=True)]
        yield f"{name:{width}}  {'  '.join(cells)}".rstrip()


def _set_variables(folder: Path, manager: str) -> None:
    """Set Airflow's settings: it reads them at its import."""
    sys.path.insert(0, str(PROJECT / "infra" / "airflow"))
    os.environ |= {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": manager,
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests " * 4,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "AIRFLOW__LOGGING__FAB_LOGGING_LEVEL": "CRITICAL",
    }


def _tokens(manager: str) -> Iterator[tuple[str, str | None]]:
    """Yield a token for each person; None: for the one without a login."""
    from airflow.api_fastapi.app import get_auth_manager

    with _users(manager) as users:
        for name in PEOPLE:
            yield name, users[name] and get_auth_manager().generate_jwt(users[name])


@contextmanager
def _users(manager: str) -> Iterator[dict[str, Any]]:
    if manager == "simple":
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        people = {each: SimpleAuthManagerUser(username=each, role=each) for each in PEOPLE}
        yield people | {"no_login": None}
        return
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airworthy_fab_roles import PREFIX, sync_roles

    sync_roles()
    with get_application_builder() as appbuilder:
        roles = {each: f"{PREFIX}{each}" for each in ROLES} | {"no_role": "Public"}
        add, find = appbuilder.sm.add_user, appbuilder.sm.find_role
        made = {
            each: add(each, each, each, f"{each}@example.org", find(role), password="-")
            for each, role in roles.items()
        }
        yield made | {"no_login": None}


def _airflow_questions(app: Any) -> Iterator[Question]:
    """Yield a question for each route of Airflow's own API, and of what its UI asks."""
    from fastapi.routing import APIRoute

    _add_backfill()
    token = _file_token(app)
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.path.startswith(("/api/v2", "/ui")):
            continue
        if route.path.startswith("/api/v2/auth/"):  # A logout takes the token away.
            continue
        for method in sorted(route.methods - {"HEAD"}):
            split = "{dag_id}" in route.path and method in _WRITES
            for kind in _KINDS if split else _KINDS[:1]:
                shown = route.path.replace("{dag_id}", f"<model>{kind}" if split else "{dag_id}")
                path = _filled(route.path, {"dag_id": f"absent{kind}", "file_token": token})
                yield Question(f"{method} {shown}", app, method, path, _body(path))


def _filled(path: str, values: dict[str, str]) -> str:
    known = values | _NAMES
    return re.sub(r"{(\w+)(:path)?}", lambda found: known.get(found[1], "absent"), path)


def _page_questions(site: Any) -> Iterator[Question]:
    """Yield a question for each route of the Models page and of the pages of evidence."""
    from tests.security.models_page_site import routes

    for method, path in routes(site):
        yield Question(f"{method} {path}", site.app, method, path, None)


def _approver_questions(site: Any, app: Any) -> Iterator[Question]:
    """Yield questions of a release that names its approvers: each of the people has the role's name."""
    from tests.operators.test_approval_brief import HANDED, RULES, RUN

    from airworthy_airflow.operators.approval_brief import approval_brief

    run_id = site.ask_for_approval(approval_brief(RUN, HANDED, RULES), ("approver", "ml_engineer"))
    shown = "approvers: approver, ml_engineer"
    path = f"/api/v2/dags/delivery_eta__train/dagRuns/{quote(run_id)}/taskInstances/release.approve"
    # An answer that is none: nobody approves it.
    body = {"chosen_options": ["Neither"], "params_input": {}}
    yield Question(f"PATCH {_HITL} ({shown})", app, "PATCH", f"{path}/-1/hitlDetails", body)
    page = "/airworthy/models/delivery_eta/actions/approve"
    yield Question(f"GET {page} ({shown})", site.app, "GET", page, None)


async def _ask_all(
    questions: Iterable[Question], tokens: dict[str, str | None]
) -> dict[str, list[str]]:
    """Return a row for each question, with a cell for each person: ``yes`` or ``-``."""
    return {
        each.name: [
            "yes" if await _is_let_through(each, token) else "-" for token in tokens.values()
        ]
        for each in questions
    }


async def _is_let_through(question: Question, token: str | None) -> bool:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    sent = question.body if question.method in _WRITES else None
    transport = httpx.ASGITransport(question.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=_SITE, trust_env=False) as client:
        answer = await client.request(question.method, question.path, json=sent, headers=headers)
    told = any(words in answer.text for words in _REFUSALS)
    # A form of ours is refused for what it lacks, after the right was asked for.
    refused = {401} if question.path.startswith("/airworthy") else {401, 403}
    return answer.status_code not in refused and not told


def _body(path: str) -> dict[str, Any]:
    """Return a body as far as Airflow reads it before it asks for the right."""
    last = path.rsplit("/", 1)[-1]
    if last in _ACTIONS:
        entity = {_ACTIONS[last]: "absent", "conn_type": "http", "value": "", "slots": 1}
        if last != "connections":
            del entity["conn_type"]
        if last != "variables":
            del entity["value"]
        if last != "pools":
            del entity["slots"]
        return {"actions": [{"action": "create", "entities": [entity]}]}
    if last == "dagRuns":
        return {"actions": [{"action": "update", "entities": [{"dag_run_id": "absent"}]}]}
    if last == "clearDagRuns":
        return {"dag_runs": [{"dag_run_id": "absent"}]}
    if last == "enqueue-test":
        return {"connection_id": "absent", "conn_type": "http"}
    return {"dag_id": "absent__train"} if "/backfills" in path else {}


def _add_backfill() -> None:
    """Add a backfill: Airflow asks for the right on the DAG of the one that is named."""
    from datetime import UTC, datetime

    from airflow.models.backfill import Backfill
    from airflow.utils.session import create_session

    day = datetime(2026, 3, 1, tzinfo=UTC)
    with create_session(scoped=False) as session:
        session.add(Backfill(dag_id="absent__train", from_date=day, to_date=day, max_active_runs=1))


def _file_token(app: Any) -> str:
    """Return a token of the file of the site's DAGs."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from itsdangerous import URLSafeSerializer
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        dag = session.scalars(select(DagModel).limit(1)).one()
        payload = {"bundle_name": dag.bundle_name, "relative_fileloc": dag.relative_fileloc}
    return str(URLSafeSerializer(app.state.secret_key).dumps(payload))


if __name__ == "__main__":
    main(*sys.argv[1:])
