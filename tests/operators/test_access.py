"""The embedded stack's auth manager with a project's own roles; requests on backfills are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.common.types import MenuItem
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from airworthy_airflow.access.backfill_requests import BackfillRequests
from airworthy_airflow.access.needed_rights import right_for_dag
from airworthy_airflow.access.simple_auth_manager import SimpleRolesAuthManager

ROLES = """
roles:
  runs: {may: [see, trigger]}
  past: {may: [see, backfill]}
  night: {may: [see, pause]}
  admin: {may: [administer]}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a project's roles."""
    found = tmp_path / "include" / "roles.yaml"
    found.parent.mkdir()
    found.write_text(ROLES, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    return found


def user(role: str) -> SimpleAuthManagerUser:
    """Return somebody with a role."""
    return SimpleAuthManagerUser(username="ann", role=role)


def new_manager() -> SimpleRolesAuthManager:
    """Return an auth manager."""
    return SimpleRolesAuthManager()  # type: ignore[no-untyped-call] # of Airflow's own


@pytest.mark.usefixtures("file")
def test_a_backfill_is_another_right_than_a_run() -> None:
    """Airflow asks for the same one. The path of the request tells them apart, behind a prefix too."""
    manager = new_manager()

    def may_start(request: Request) -> PlainTextResponse:
        details = DagDetails(id="eta__train")
        allowed = manager.is_authorized_dag(
            method="POST",
            user=user(request.query_params["role"]),
            access_entity=DagAccessEntity.RUN,
            details=details,
        )
        return PlainTextResponse(str(allowed))

    app = Starlette(routes=[Route("/{path:path}", may_start)])
    app.add_middleware(BackfillRequests)
    for prefix in ("", "/airflow"):
        client = TestClient(app, root_path=prefix)

        def answer(path: str, role: str, client: TestClient = client) -> str:
            return client.get(path, params={"role": role}).text

        for path in (
            "/api/v2/backfills",
            "/api/v2/backfills/1/cancel",
            "/api/v2/backfills/dry_run",
        ):
            assert (answer(path, "runs"), answer(path, "past")) == ("False", "True"), path
        for path in (
            "/api/v2/dags/eta__train/dagRuns",
            "/api/v2/backfillsx",
            "/x/api/v2/backfills",
        ):
            assert (answer(path, "runs"), answer(path, "past")) == ("True", "False"), path


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        (("GET", "RUN", None), "see"),
        (("GET", "AUDIT_LOG", "eta__train"), "audit"),
        (("POST", "RUN", "eta__train"), "trigger"),
        (("PUT", "TASK_INSTANCE", "eta__monitor"), "trigger"),
        (("POST", "RUN", "eta__rollback_drill"), "trigger"),
        (("POST", "RUN", "eta__rollback"), "roll_back"),
        (("PUT", "RUN", "eta__watch"), "roll_back"),
        (("POST", "RUN", None), "administer"),
        (("PUT", "TASK_INSTANCE", None), "administer"),
        (("DELETE", "RUN", "eta__train"), "administer"),
        (("PUT", "XCOM", "eta__train"), "administer"),
        (("POST", "HITL_DETAIL", "eta__train"), "administer"),
        (("PUT", "HITL_DETAIL", "eta__train"), "approve"),
        (("PUT", None, "eta__watch"), "pause"),
        (("DELETE", None, "eta__train"), "administer"),
        (("PUT", "SOMETHING_NEW", "eta__train"), "administer"),
    ],
)
def test_what_is_not_named_is_for_administration(
    asked: tuple[str, str | None, str | None], right: str
) -> None:
    """Without a DAG's id nobody else writes: Airflow reads the ids from the body then."""
    assert right_for_dag(*asked) == right


def test_a_change_of_the_file_counts_at_once_and_a_fault_in_it_changes_nothing(file: Path) -> None:
    """A file that is wrong at the start stops the API server; later the last good one holds."""
    manager = new_manager()
    assert not manager.has_right(user("night"), "flags")
    file.write_text(ROLES.replace("pause", "pause, flags") + "# changed\n", encoding="utf-8")
    assert manager.has_right(user("night"), "flags")
    file.write_text("roles: {}\n", encoding="utf-8")
    assert manager.has_right(user("night"), "flags")
    assert manager.has_right(user("night"), "pause")


@pytest.mark.usefixtures("file")
def test_airflows_own_roles_keep_their_meaning_and_an_unknown_one_has_none() -> None:
    """A user of an older version with `user` or `op` can do what they could; `viewer` is not in this file."""
    manager = new_manager()
    details = DagDetails(id="eta__train")

    def may(role: str, method: str) -> bool:
        return manager.is_authorized_dag(
            method=method, user=user(role), access_entity=DagAccessEntity.RUN, details=details
        )

    assert may("user", "POST")
    assert may("USER", "POST")
    assert manager.is_authorized_connection(method="PUT", user=user("op"))
    assert not manager.is_authorized_connection(method="PUT", user=user("user"))
    assert (may("night", "GET"), may("night", "POST")) == (True, False)
    assert not may("nobody", "GET")
    assert not may("", "GET")
    assert manager.is_authorized_connection(method="DELETE", user=user("admin"))
    items = [MenuItem.DAGS, MenuItem.CONNECTIONS, MenuItem.AUDIT_LOG]
    assert manager.filter_authorized_menu_items(items, user=user("night")) == [MenuItem.DAGS]
    assert manager.filter_authorized_menu_items(items, user=user("admin")) == items
    assert manager.filter_authorized_menu_items(items, user=user("op")) == items
