"""Runs of Airflow over its REST API: started once for a commit, watched, and read."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from airworthy.airflow_login import AirflowLogin
from airworthy.cli.airflow_session import (
    APPROVAL_TASK,
    AirflowSession,
    RefusedTokenError,
    content_of,
    new_token,
)
from airworthy.errors import TerminalError

_MAX_ATTEMPTS: Final = 20
_MAX_TASKS: Final = 100
_WAITING: Final = ("awaiting_input", "deferred")
_DONE: Final = ("success", "failed", "skipped", "upstream_failed", "removed")


class NoDagError(TerminalError):
    """Airflow has no such DAG, or has not read it yet."""


@dataclass
class AirflowAccess:
    """The access to one Airflow. A password gets a new token when the time of one is over."""

    url: str
    login: AirflowLogin
    session: AirflowSession = field(repr=False)

    @classmethod
    def open(cls, url: str, login: AirflowLogin, kept: str | None) -> AirflowAccess:
        """Return the access with a login, else with a kept token.

        Args:
            url: Airflow's address.
            login: The login of the variables.
            kept: The token of `airworthy login`, or None.

        Raises:
            TerminalError: when there is no login, or Airflow refuses it.
            TransientError: when Airflow cannot be reached.
        """
        token = login.token or (_token(url, login) if login.user else kept)
        if not token:
            raise TerminalError(
                "there is no login at Airflow",
                received=f"no variable with a login, and no kept token for {url}",
                allowed="AIRWORTHY_AIRFLOW_TOKEN, or AIRWORTHY_AIRFLOW_USER and "
                "AIRWORTHY_AIRFLOW_PASSWORD",
                next_step="set them from the pipeline's secrets; on your own machine: airworthy login",
            )
        return cls(url, login, AirflowSession(url, token))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the content of a page.

        Args:
            path: The path, escaped.
            **query: The parameters.

        Raises:
            TerminalError: when Airflow refuses.
            TransientError: when Airflow cannot be reached.
        """
        try:
            return self.session.ask("GET", path, query=query)
        except RefusedTokenError:
            if self.login.token or not self.login.user:
                raise
            self.session = AirflowSession(self.url, _token(self.url, self.login))
            return self.session.ask("GET", path, query=query)

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send JSON values and return the answer, whatever it says."""
        return self.session.send("POST", path, body)


def _token(url: str, login: AirflowLogin) -> str:
    if not login.password:
        raise TerminalError(
            "there is a name for Airflow and no password",
            received=f"AIRWORTHY_AIRFLOW_USER={login.user}",
            allowed="AIRWORTHY_AIRFLOW_PASSWORD beside it",
            next_step="set it from the pipeline's secrets",
        )
    return new_token(url, login.user, login.password)


@dataclass(frozen=True)
class AirflowRun:
    """A run of a DAG, as Airflow shows it.

    Attributes:
        dag_id: The DAG.
        run_id: The run.
        state: ``queued``, ``running``, ``success`` or ``failed``.
        tasks: Task -> its state; None: it has none yet.
    """

    dag_id: str
    run_id: str
    state: str
    tasks: dict[str, str | None] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ("success", "failed")

    @property
    def waits(self) -> bool:
        """Whether it waits for an approval."""
        return self.tasks.get(APPROVAL_TASK) in _WAITING

    @property
    def failed(self) -> list[str]:
        """The tasks that failed."""
        return [name for name, state in self.tasks.items() if state == "failed"]

    @property
    def words(self) -> str:
        """The state in words, with what is done now."""
        if self.waits:
            return "waits for an approval"
        counts = Counter(state in _DONE for state in self.tasks.values())
        now = [name for name, state in self.tasks.items() if state == "running"]
        done = f"{counts[True]} of {len(self.tasks)} tasks are done"
        return ", ".join([self.state, *now, done] if self.tasks else [self.state])


def bundle_version(access: AirflowAccess, dag_id: str) -> str | None:
    """Return the version of the files that Airflow has read a DAG from; None: it has none.

    Of files that git brings to Airflow, it is the commit.

    Args:
        access: Airflow.
        dag_id: The DAG.

    Raises:
        NoDagError: when Airflow has no such DAG.
        TerminalError: when Airflow refuses.
        TransientError: when Airflow cannot be reached.
    """
    version = _dag_of(access, dag_id).get("bundle_version")
    return None if version is None else str(version)


def start_once(access: AirflowAccess, dag_id: str, name: str, note: str) -> tuple[str, bool]:
    """Start a run with the reason ``code_change``; return its id, and whether it is a new one.

    A run of the same name that has not failed is taken up, so that a repeated pipeline starts
    nothing twice. After a failed one, the name gets a number.

    Args:
        access: Airflow.
        dag_id: The DAG.
        name: The run's name.
        note: A note for people.

    Raises:
        TerminalError: when there is no such DAG, it is paused, or Airflow refuses.
        TransientError: when Airflow cannot be reached.
    """
    _require_active(access, dag_id)
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        run_id = name if attempt == 1 else f"{name}__{attempt}"
        body = {
            "dag_run_id": run_id,
            "logical_date": None,
            "conf": {"reason": "code_change"},
            "note": note,
        }
        answer = access.post(f"{_dag(dag_id)}/dagRuns", body)
        if answer.status_code != httpx.codes.CONFLICT:
            _require_allowed(answer, dag_id)
            return str(content_of(answer, access.url).get("dag_run_id") or run_id), True
        if _state(access, dag_id, run_id) != "failed":
            return run_id, False
    raise TerminalError(
        "the runs of this commit have failed too often",
        received=f"{_MAX_ATTEMPTS} failed runs of {dag_id} with the name {name}",
        next_step="look at them in Airflow",
    )


def look_at(access: AirflowAccess, dag_id: str, run_id: str) -> AirflowRun:
    """Return a run as it is now.

    Args:
        access: Airflow.
        dag_id: The DAG.
        run_id: The run.

    Raises:
        TerminalError: when there is no such run, or Airflow refuses.
        TransientError: when Airflow cannot be reached.
    """
    state = _state(access, dag_id, run_id)
    content = access.get(f"{_run(dag_id, run_id)}/taskInstances", limit=_MAX_TASKS)
    tasks = content.get("task_instances")
    states = {
        str(task["task_id"]): task.get("state")
        for task in (tasks if isinstance(tasks, list) else [])
        if isinstance(task, dict) and task.get("task_id")
    }
    return AirflowRun(dag_id, run_id, state, states)


def output_of(access: AirflowAccess, run: AirflowRun, task_id: str) -> dict[str, Any]:
    """Return the output of a task that succeeded; empty without one.

    Args:
        access: Airflow.
        run: The run.
        task_id: The task.

    Raises:
        TransientError: when Airflow cannot be reached.
    """
    if run.tasks.get(task_id) != "success":
        return {}
    task = quote(task_id, safe="")
    path = f"{_run(run.dag_id, run.run_id)}/taskInstances/{task}/xcomEntries/return_value"
    try:
        value = access.get(path).get("value")
        value = json.loads(value) if isinstance(value, str) else value
    except (TerminalError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def page_of(url: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run's page in Airflow."""
    return f"{url}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def _state(access: AirflowAccess, dag_id: str, run_id: str) -> str:
    return str(access.get(_run(dag_id, run_id)).get("state"))


def _dag_of(access: AirflowAccess, dag_id: str) -> dict[str, Any]:
    answer = access.session.send("GET", _dag(dag_id))
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NoDagError(
            f"Airflow has no DAG {dag_id}",
            received=f"404 from {access.url}",
            allowed="a DAG that Airflow has read, which the login may see",
            next_step="wait until Airflow has the merged files; look at its import errors",
        )
    _require_allowed(answer, dag_id)
    return content_of(answer, access.url)


def _require_active(access: AirflowAccess, dag_id: str) -> None:
    if _dag_of(access, dag_id).get("is_paused"):
        raise TerminalError(
            f"the DAG {dag_id} is paused: a run of it would wait without end",
            received="is_paused: true",
            allowed="a DAG that is turned on",
            next_step="turn it on in Airflow, then run this again",
        )


def _require_allowed(answer: httpx.Response, dag_id: str) -> None:
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise TerminalError(
            "Airflow does not allow this login to do it",
            received=f"403 for {dag_id}",
            allowed="a login that may see the DAG and start its runs",
            next_step="give the pipeline's user this right",
        )


def _dag(dag_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}"


def _run(dag_id: str, run_id: str) -> str:
    return f"{_dag(dag_id)}/dagRuns/{quote(run_id, safe='')}"
