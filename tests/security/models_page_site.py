"""An Airflow site with the Models page, in this process: a real database, real DAGs, real logins."""

from __future__ import annotations

import itertools
import runpy
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pytest
import yaml
from airflow import settings
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.log import Log
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import inspect, select
from sqlalchemy.orm import joinedload
from starlette.routing import Mount
from tests.security.pages import read_page

from airworthy.environment import Environment, load_environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove, LedgerEvent, RolloutStep
from airworthy.spec import load_spec
from airworthy_airflow.dag_factories.monitor_dag import build_monitor_dag
from airworthy_airflow.dag_factories.rollback_dag import build_rollback_dag
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.dag_factories.watch_dag import build_watch_dag
from airworthy_airflow.models_page.actions import ACTIONS
from airworthy_airflow.operators.approval_brief import Brief

MODEL = "delivery_eta"
SHIPPED = Path(__file__).resolve().parents[2] / "include" / "models"
SITE = "http://airflow.test"
SAME_SITE = {"origin": SITE, "sec-fetch-site": "same-origin"}
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
_BUNDLE = "models-page-site"


class Answer(Protocol):
    """An HTTP answer."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def text(self) -> str:
        """The body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""


@dataclass
class Site:
    """The site, with one model.

    Attributes:
        environment: The environment.
        app: Airflow's application, with the plugin's applications in it.
        pages: The plugin's applications by their prefix, such as ``/airworthy``.
    """

    environment: Environment
    app: FastAPI
    pages: dict[str, FastAPI]

    def client(self, role: str | None = "op", name: str = "ada") -> TestClient:
        """Return a browser of a user with a role; None: of nobody."""
        cookies = {}
        if role is not None:
            user = SimpleAuthManagerUser(username=name, role=role)
            cookies = {"_token": create_auth_manager().generate_jwt(user)}
        return TestClient(self.app, base_url=SITE, cookies=cookies, follow_redirects=False)

    def record(self, *events: LedgerEvent, run_id: str = "run-1", who: str = "airflow") -> None:
        """Append events to the model's ledger."""
        book = open_ledger(self.environment, MODEL)
        for event in events:
            book.append(event, run_id=run_id, who=who, proved_by="airflow")

    def release(self, *versions: str) -> None:
        """Record versions as champions, one after the other."""
        for version in versions:
            move = AliasMove(to=version, bundle_digest=version * 64)
            self.record(move, run_id=f"run-{version}")

    def begin_rollout(self, version: str, champion: str) -> None:
        """Record a canary of 10 %."""
        step = RolloutStep(
            version=version,
            bundle_digest=version * 64,
            step=10,
            state="begun",
            champion=champion,
            since=NOON,
        )
        self.record(step, run_id=f"run-{version}")

    def set_spec(self, **parts: Any) -> None:
        """Change parts of the model's spec. The DAGs stay as they are."""
        path = self.environment.models / MODEL / "model.yaml"
        spec = yaml.safe_load(path.read_text(encoding="utf-8")) | parts
        path.write_text(yaml.safe_dump(spec), encoding="utf-8")

    def ask_for_approval(
        self, brief: Brief, approvers: tuple[str, ...] = (), trigger: str = "tom"
    ) -> str:
        """Let a run of the train DAG wait for an approval; return the run's id."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        with create_session(scoped=False) as session:
            dag = SerializedDagModel.get(f"{MODEL}__train", session=session)
            assert dag is not None
            run = dag.dag.create_dagrun(
                run_id=run_id,
                run_after=datetime.now(UTC),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.UI,
                triggering_user_name=trigger,
                state=DagRunState.RUNNING,
                session=session,
            )
            task = run.get_task_instance("release.approve", session=session)
            assert task is not None
            task.state = TaskInstanceState.AWAITING_INPUT
            question = HITLDetail(
                ti_id=task.id,
                options=["Approve", "Reject"],
                subject=brief.subject,
                body=brief.body,
                defaults=["Reject"],
                multiple=False,
                params={"comment": {"value": "", "description": None, "schema": {}}},
                assignees=[{"id": each, "name": each} for each in approvers],
            )
            session.add(question)
        return run_id

    def answer_of(self, run_id: str) -> tuple[str | None, Any, Any, str | None]:
        """Return who answered a run's question, the answer, the comment, and the task's state."""
        with create_session(scoped=False) as session:
            task = session.scalar(
                select(TaskInstance)
                .where(TaskInstance.run_id == run_id, TaskInstance.task_id == "release.approve")
                .options(joinedload(TaskInstance.hitl_detail))
            )
            assert task is not None
            found = task.hitl_detail
            return (
                found.responded_by_user_name,
                found.chosen_options,
                found.params_input,
                task.state,
            )

    def runs(self, dag_id: str) -> list[DagRun]:
        """Return the runs of a DAG, oldest first."""
        with create_session(scoped=False) as session:
            query = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id)
            found = list(session.scalars(query))
            for run in found:
                _ = run.note, run.conf
            session.expunge_all()
        return found

    def paused(self, **kinds: bool) -> dict[str, bool]:
        """Set toggles of the model's DAGs; return all of them by the DAG's kind."""
        with create_session(scoped=False) as session:
            dags = list(
                session.scalars(select(DagModel).where(DagModel.dag_id.startswith(f"{MODEL}__")))
            )
            for dag in dags:
                kind = dag.dag_id.removeprefix(f"{MODEL}__")
                dag.is_paused = kinds.get(kind, dag.is_paused)
            return {dag.dag_id.removeprefix(f"{MODEL}__"): bool(dag.is_paused) for dag in dags}

    def audited(self) -> list[tuple[str, str | None]]:
        """Return event and owner of each action in Airflow's audit log, oldest first."""
        with create_session(scoped=False) as session:
            query = select(Log).where(Log.dag_id.startswith(MODEL)).order_by(Log.id)
            return [(log.event, log.owner) for log in session.scalars(query)]


def routes(site: Site) -> list[tuple[str, str]]:
    """Return method and path of each route of the plugin, its parameters filled in.

    A route of another kind would not be asked here: it is refused.
    """
    found = []
    for prefix, page in site.pages.items():
        for route in page.routes:
            if isinstance(route, Mount):
                assert route.path == "/static", route.path
                continue
            assert isinstance(route, APIRoute), route
            actions = ACTIONS if "{action}" in route.path else ["train"]
            for method, action in itertools.product(sorted(route.methods), actions):
                values = {"model": MODEL, "action": action}
                path = route.path
                for name in route.param_convertors:
                    path = path.replace(f"{{{name}}}", values.get(name, "nothing"))
                found.append((method, prefix + path))
    return found


def action_path(action: str, model: str = MODEL) -> str:
    """Return the path of an action."""
    return f"/airworthy/models/{quote(model, safe='')}/actions/{quote(action, safe='')}"


def form_of(response: Answer) -> dict[str, Any]:
    """Return the fields of an action page's form: what a browser would send, but the reason."""
    assert response.status_code == 200, response.text
    inputs = read_page(response.text).all("input")
    boxes = [each["value"] for each in inputs if each.get("type") == "checkbox"]
    fields: dict[str, Any] = {
        str(each["name"]): each["value"] for each in inputs if each.get("type") == "hidden"
    }
    return fields | ({"dag": boxes} if boxes else {})


def send(client: TestClient, action: str, reason: str = "because", **changes: Any) -> Answer:
    """Open an action's page and send its form, as a browser does.

    Args:
        client: The browser.
        action: The action.
        reason: The reason.
        changes: Changed fields.
    """
    fields = form_of(client.get(action_path(action)))
    return client.post(
        action_path(action), data={**fields, "reason": reason, **changes}, headers=SAME_SITE
    )


def refusal(response: Answer) -> str:
    """Return status and words of a refusal."""
    text = unescape(response.text)
    assert '<h1 class="h3">Not done' in text, text
    words = text.partition('role="alert">')[2].partition("</div>")[0]
    return f"{response.status_code}: {words}"


@contextmanager
def open_site(folder: Path, description: str = "", owner: str = "") -> Iterator[Site]:
    """Yield a site whose model has a description and an owner.

    Args:
        folder: Gets the state and the model's folder.
        description: The description; empty: the shipped one.
        owner: The owner; empty: the shipped one.
    """
    with pytest.MonkeyPatch.context() as variables:
        models = folder / "models"
        shutil.copytree(SHIPPED / MODEL, models / MODEL)
        variables.setenv("AIRWORTHY_STATE", str(folder / "state"))
        variables.setenv("AIRWORTHY_MODELS", str(models))
        variables.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
        variables.setenv("AIRFLOW__API__SECRET_KEY", "a key of the tests")
        variables.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests " * 4)
        environment = load_environment()
        pages = {each["url_prefix"]: each["app"] for each in plugin_class()().fastapi_apps}
        app = FastAPI()
        for prefix, page in pages.items():
            app.mount(prefix, page)
        site = Site(environment, app, pages)
        site.set_spec(
            release={"approval": "required"},
            **({"description": description} if description else {}),
            **({"owner": owner} if owner else {}),
        )
        _make_database()
        create_auth_manager().init()
        _write_dags(site)
        try:
            yield site
        finally:
            _remove_dags()


def plugin_class() -> Any:
    """Return the class of the plugin, from its file, as Airflow loads it."""
    path = SHIPPED.parents[1] / "plugins" / "airworthy_plugin.py"
    return runpy.run_path(str(path))["AirworthyPlugin"]


def _make_database() -> None:
    """Make Airflow's database, unless this process has one."""
    if not inspect(settings.engine).has_table(DagModel.__tablename__):
        initdb()


def _write_dags(site: Site) -> None:
    spec = load_spec(site.environment.models / MODEL / "model.yaml")
    dags: list[Any] = [
        build_train_dag(spec, site.environment),
        build_rollback_dag(spec),
        build_watch_dag(spec, timedelta(days=1)),
        build_monitor_dag(spec, site.environment),
    ]
    with create_session(scoped=False) as session:
        if session.get(DagBundleModel, _BUNDLE) is None:
            session.add(DagBundleModel(name=_BUNDLE))
            session.flush()
        SerializedDAG.bulk_write_to_db(_BUNDLE, None, dags, session=session)
        for dag in dags:
            SerializedDagModel.write_dag(
                LazyDeserializedDAG.from_dag(dag), bundle_name=_BUNDLE, session=session
            )
    site.paused(train=False, monitor=False, rollback=False, watch=False)


def _remove_dags() -> None:
    """Leave no DAG and no run to the next site of this process."""
    from airflow.api.common.delete_dag import delete_dag

    with create_session(scoped=False) as session:
        ids = list(session.scalars(select(DagModel.dag_id).where(DagModel.bundle_name == _BUNDLE)))
        for dag_id in ids:
            delete_dag(dag_id, session=session)
