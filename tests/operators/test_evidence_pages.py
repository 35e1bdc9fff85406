"""Evidence pages on Airflow's origin: behind its login, in a sandbox, and nothing else of the lake."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.utils.db import initdb
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airworthy.environment import Environment
from airworthy.evidence import Evidence
from airworthy.object_store import open_store
from airworthy.sandboxed_page import sandboxed_page
from airworthy.validation.data_docs_pages import DayPage, list_pages
from airworthy_airflow.evidence_pages.app import PREFIX, evidence_pages_app
from airworthy_airflow.links import evidence_path

MODEL, RUN = "delivery_eta", "manual__2026-03-20T00:00:00+00:00"
ATTACK = "<img src=x onerror=alert(1)>"
REPORT = f"<!doctype html><p>{ATTACK}</p>"


@pytest.fixture(scope="module")
def airflow() -> FastAPI:
    """Airflow's application, as far as the pages need it: its database, its login, the mount."""
    initdb()
    app = FastAPI()
    create_auth_manager()
    app.mount(PREFIX, evidence_pages_app())
    return app


def browser(airflow: FastAPI, role: str | None = "viewer") -> TestClient:
    """Return a browser of a user with a role; None: of nobody."""
    cookies = {}
    if role is not None:
        user = SimpleAuthManagerUser(username="ada", role=role)
        cookies = {"_token": create_auth_manager().generate_jwt(user)}
    return TestClient(airflow, base_url="http://airflow.test", cookies=cookies)


@pytest.fixture
def evidence(environment: Environment) -> Evidence:
    """A run's evidence: a report, a verdict, an error's traceback, and Data Docs of two days."""
    written = Evidence(environment.beside_lake(MODEL, "evidence"), RUN)
    written.write("report.html", REPORT)
    written.write("skew.html", sandboxed_page("Evidently", REPORT, scripts=True))
    written.write_json("verdict.json", {"category": ATTACK})
    written.write("errors/train.txt", "a traceback")
    docs = open_store(environment.beside_lake(MODEL, "validations"))
    for day in ("2026-03-18", "2026-03-19"):
        docs.write(f"suite/{day}-d.html", sandboxed_page("Data Docs", day, scripts=False).encode())
    days = {day: f"suite/{day}-d.html" for day in ("2026-03-18", "2026-03-19")}
    listed = list_pages(
        days, [("2026-03-18", {"success": False}), ("2026-03-19", {"success": True})]
    )
    written.write_json("data_docs.json", listed)
    return written


PAGES = ("report.html", "skew.html", "verdict.json", "data_docs", "data_docs/2026-03-18")


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_opens_each_page_with_airflows_login_alone(airflow: FastAPI, page: str) -> None:
    """The address is the one behind a task's button. Without a login it shows nothing."""
    path = evidence_path(MODEL, RUN, page)
    assert browser(airflow, None).get(path).status_code == 401
    answer = browser(airflow).get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize(
    "page", ["report.html", "skew.html", "verdict.json", "data_docs/2026-03-18"]
)
def test_a_page_with_texts_of_data_has_no_origin(airflow: FastAPI, page: str) -> None:
    """What runs in it reaches neither Airflow's API nor its cookies: its origin is none."""
    policy = (
        browser(airflow).get(evidence_path(MODEL, RUN, page)).headers["content-security-policy"]
    )
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["sandbox"] == "allow-scripts"
    assert directives["default-src"] == "'none'"
    assert "connect-src" not in directives


@pytest.mark.usefixtures("evidence")
def test_data_docs_of_several_days_are_a_list_with_the_failed_ones(airflow: FastAPI) -> None:
    """One click more leads to a day. A single page is shown at once."""
    text = browser(airflow).get(evidence_path(MODEL, RUN, "data_docs")).text
    assert text.index("2026-03-19</a>: passed") < text.index(
        "2026-03-18</a>: some expectations failed"
    )
    assert 'href="data_docs/2026-03-18"' in text


def test_a_single_page_of_data_docs_is_shown_at_once(airflow: FastAPI, evidence: Evidence) -> None:
    """A validation without a failure has the page of its newest day."""
    page = DayPage("2026-03-19", "suite/2026-03-19-d.html", success=True)
    evidence.write_json("data_docs.json", [page._asdict()])
    answer = browser(airflow).get(evidence_path(MODEL, RUN, "data_docs"))
    assert "<title>Data Docs</title>" in answer.text


OUTSIDE = (
    f"{MODEL}/{quote(RUN, safe='')}/errors%2Ftrain.txt",
    f"{MODEL}/{quote(RUN, safe='')}/..%2F..%2Fledger",
    f"{MODEL}/..%2F..%2Fother/report.html",
    f"{MODEL}/%2E%2E/report.html",
    "..%2Fsecret/run/report.html",
    f"{MODEL}/{quote(RUN, safe='')}/data_docs/..%2F..",
    f"{MODEL}/{quote(RUN, safe='')}/<img src=x onerror=alert(1)>.html",
)


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_else_of_the_lake_is_shown(airflow: FastAPI, path: str) -> None:
    """A path that leads elsewhere is a page that is not there, and its text is text."""
    answer = browser(airflow, "admin").get(f"{PREFIX}/{path}")
    assert answer.status_code == 404
    assert "<img" not in answer.text


def test_a_list_that_names_a_path_outside_shows_nothing(
    airflow: FastAPI, evidence: Evidence
) -> None:
    """Whoever may write into the lake cannot have other files shown."""
    page = DayPage("2026-03-19", "../evidence/x.html", success=True)
    evidence.write_json("data_docs.json", [page._asdict()])
    assert browser(airflow).get(evidence_path(MODEL, RUN, "data_docs")).status_code == 404
