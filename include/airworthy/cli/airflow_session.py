"""Airflow's REST API as one person, by plain HTTP. Airflow verifies the person's token each time.

The name of a person is read from Airflow's answer only, never from the token.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from airworthy.answer_limit import ANSWER_SECONDS
from airworthy.errors import TerminalError, TransientError

_SECONDS: Final = ANSWER_SECONDS
_QUESTIONS: Final = 100
_NO_RUN: Final = "no run: airworthy asks for the right"
APPROVAL_TASK: Final = "release.approve"
"""The task of a training DAG that asks for an approval."""


class RefusedTokenError(TerminalError):
    """Airflow does not accept a token: it is wrong, or its time is over."""


@dataclass(frozen=True)
class AirflowPerson:
    """A person as Airflow has authenticated them."""

    id: str
    name: str

    @property
    def who(self) -> str:
        """The name in the ledger, with the id where it differs: names are not unique."""
        return self.name if self.name == self.id else f"{self.name} ({self.id})"


def new_token(url: str, user: str, password: str) -> str:
    """Return a new token for a person, from the auth manager's ``/auth/token``.

    Args:
        url: Airflow's address.
        user: The person's name.
        password: The person's password.

    Raises:
        TerminalError: when Airflow refuses name or password.
        TransientError: when Airflow cannot be reached.
    """
    with _client(url) as client, _http_errors(url):
        answer = client.post("/auth/token", json={"username": user, "password": password})
    if answer.status_code in (400, 401, 403):
        raise TerminalError(
            "Airflow does not accept this name with this password",
            received=f"{user} at {url}",
            next_step="airworthy login",
        )
    return str(content_of(answer, url).get("access_token", ""))


@dataclass(frozen=True)
class AirflowSession:
    """One Airflow, as the person of a token."""

    url: str
    token: str = field(repr=False)

    def person(self) -> AirflowPerson:
        """Return the person of the token. Airflow checks the token's signature and its time.

        Raises:
            TerminalError: when Airflow does not accept the token.
            TransientError: when Airflow cannot be reached.
        """
        answer = self.send("GET", "/ui/auth/me")
        if answer.status_code == httpx.codes.FORBIDDEN:  # This page asks for no right but a login.
            raise self._refused_token(answer)
        content = content_of(answer, self.url)
        person = AirflowPerson(str(content.get("id") or ""), str(content.get("username") or ""))
        if not person.id or not person.name:
            raise TerminalError(
                "Airflow does not say who this is",
                received=f"the answer of {self.url}/ui/auth/me",
                allowed="id and username",
            )
        return person

    def may_answer(self, dag_id: str) -> bool:
        """Tell whether the person may answer questions of a DAG's runs.

        It answers the question of a run that is not there. Airflow checks the right first.

        Args:
            dag_id: The DAG.

        Raises:
            TerminalError: when Airflow gives another answer than yes or no.
            TransientError: when Airflow cannot be reached.
        """
        answer = self.send("PATCH", _question_path(dag_id, _NO_RUN), _answer(""))
        if answer.status_code not in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            content_of(answer, self.url)
        return answer.status_code == httpx.codes.NOT_FOUND

    def waiting_runs(self, dag_id: str) -> list[str]:
        """Return the ids of a DAG's runs that wait for an approval, newest first.

        Args:
            dag_id: The DAG.
        """
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/~/hitlDetails"
        query = {"response_received": "false", "order_by": "-created_at", "limit": _QUESTIONS}
        questions = self.ask("GET", path, query=query).get("hitl_details", [])
        tasks = [question["task_instance"] for question in questions]
        return [
            str(task["dag_run_id"])
            for task in tasks
            if task["task_id"] == APPROVAL_TASK and task["state"] in ("awaiting_input", "deferred")
        ]

    def approve(self, dag_id: str, run_id: str, comment: str) -> AirflowPerson:
        """Approve a run's version as the person, and return the person that Airflow recorded.

        Args:
            dag_id: The DAG.
            run_id: The run that waits.
            comment: The words to record.

        Raises:
            TerminalError: when Airflow does not take the answer.
            TransientError: when Airflow cannot be reached.
        """
        recorded = self.ask("PATCH", _question_path(dag_id, run_id), _answer(comment))
        user = recorded["responded_by"]
        return AirflowPerson(str(user["id"]), str(user["name"]))

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """Send a request as the person and return the content of the answer.

        Args:
            method: ``GET``, ``POST`` or ``PATCH``.
            path: The path, escaped.
            body: JSON values.
            **query: ``query`` has the parameters.

        Raises:
            TerminalError: when Airflow refuses.
            TransientError: when Airflow cannot be reached.
        """
        answer = self.send(method, path, body, **query)
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise TerminalError(
                "Airflow does not allow this person to do it",
                received=_detail(answer),
                allowed="a user with the right to approve, such as one with the role approver",
                next_step="airworthy login --user NAME",
            )
        return content_of(answer, self.url)

    def send(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Send a request as the person and return the answer, whatever it says.

        Args:
            method: ``GET``, ``POST`` or ``PATCH``.
            path: The path, escaped.
            body: JSON values.
            query: The parameters.

        Raises:
            RefusedTokenError: when Airflow does not accept the token.
            TransientError: when Airflow cannot be reached.
        """
        headers = {"authorization": f"Bearer {self.token}"}
        with _client(self.url) as client, _http_errors(self.url):
            answer = client.request(method, path, json=body, params=query, headers=headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise self._refused_token(answer)
        return answer

    def _refused_token(self, answer: httpx.Response) -> RefusedTokenError:
        return RefusedTokenError(
            "Airflow does not accept the token: it is wrong, or its time is over",
            received=f"{answer.status_code} from {self.url}: {_detail(answer)}",
            allowed="a token that this Airflow gave",
            next_step="airworthy login",
        )


def _question_path(dag_id: str, run_id: str) -> str:
    dag, run, task = (quote(name, safe="") for name in (dag_id, run_id, APPROVAL_TASK))
    return f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails"


def _answer(comment: str) -> dict[str, Any]:
    return {"chosen_options": ["Approve"], "params_input": {"comment": comment}}


def _client(url: str) -> httpx.Client:
    # Proxies come from variables: no variable may lead to another Airflow.
    return httpx.Client(base_url=url, timeout=_SECONDS, trust_env=False)


@contextmanager
def _http_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.InvalidURL as error:
        raise TerminalError(
            "this is no address", received=f"{url}: {error}", allowed="https://airflow.example.org"
        ) from None
    except httpx.HTTPError as error:
        raise TransientError(
            "Airflow cannot be reached",
            received=f"{url}: {error or type(error).__name__}",
            next_step="check the environment's airflow_url, and that Airflow is up",
        ) from None


def content_of(answer: httpx.Response, url: str) -> dict[str, Any]:
    """Return the JSON of an answer.

    Args:
        answer: The answer.
        url: The address of Airflow.

    Raises:
        TerminalError: when it is a refusal, or no answer of Airflow's API.
        TransientError: when Airflow has trouble of its own.
    """
    busy = answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    kind = TransientError if busy else TerminalError
    try:
        content = answer.json() if answer.is_success else None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise kind(
            "Airflow refused the request",
            received=f"{answer.status_code} from {url}: {_detail(answer)}",
            allowed="an answer of Airflow's API (3.3)",
            next_step="check the environment's airflow_url",
        )
    return content


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
