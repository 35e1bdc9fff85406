"""A small client of Airflow's REST API, as the demo and the end-to-end tests use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from airworthy.errors import TerminalError, TransientError

FINISHED = frozenset({"success", "failed"})
_PATIENCE_SECONDS = 120.0
_BUSY_WAITS = (0.5, 1.0, 2.0, 4.0)


class AirflowClient:
    """Talks to one Airflow as one user. Every method raises the two errors of `airworthy.errors`.

    TransientError: Airflow cannot be reached or has trouble of its own. TerminalError: it refuses the request.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in at the first call.

        Args:
            url: Airflow's address, without a path.
            username: Who.
            password: And their password.
        """
        # Airflow makes the API of its tasks when the first task calls, and answers nobody meanwhile.
        self._client = httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS, trust_env=False)
        self._login = {"username": username, "password": password}
        self._token: str | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        """Close the connections."""
        self._client.close()

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """Return a DAG as Airflow describes it, or None when it is not known (yet)."""
        return self._call("GET", f"/dags/{dag_id}", missing_is_none=True)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs start, scheduled ones too."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def import_errors(self) -> list[dict[str, Any]]:
        """Return what is wrong with DAG files: ``filename`` and ``stack_trace``."""
        return list(self._answer("GET", "/importErrors")["import_errors"])

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        *,
        logical_date: str | None = None,
        interval: tuple[str, str] | None = None,
    ) -> str:
        """Start a run and return its id.

        Args:
            dag_id: The DAG.
            conf: The run's parameters.
            logical_date: ISO 8601; Airflow asks for the key even when there is none.
            interval: The data interval's start and end; needs a logical date.
        """
        body: dict[str, Any] = {"logical_date": logical_date, "conf": dict(conf or {})}
        if interval is not None:
            body["data_interval_start"], body["data_interval_end"] = interval
        return str(self._answer("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run as Airflow describes it: ``state``, ``run_type``, ``conf``, ..."""
        return self._answer("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return a DAG's runs."""
        return list(self._answer("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances: ``task_id``, ``state``, ``try_number``, ``duration``, ..."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return list(self._answer("GET", path)["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task handed over."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._answer("GET", f"{path}?deserialize=false")["value"]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str]:
        """Return the addresses behind a task's buttons, by the buttons' names."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/links"
        return dict(self._answer("GET", path)["extra_links"])

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> str:
        """Return a task's log as text, one event a line."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/{try_number}"
        content = self._answer("GET", f"{path}?full_content=true")["content"]
        return "\n".join(_log_line(event) for event in content)

    def question(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
        """Return what a task asks a person: ``subject``, ``body``, ``params``, ``assigned_users``, ..., or None."""
        return self._call("GET", _question_path(dag_id, run_id, task_id), missing_is_none=True)

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, **inputs: Any) -> None:
        """Answer what a task asks, as this user.

        Args:
            dag_id: The DAG.
            run_id: Its run.
            task_id: The task that waits.
            option: One of the question's options, such as ``Approve``.
            inputs: Values of the question's further fields.
        """
        body = {"chosen_options": [option], "params_input": inputs}
        self._call("PATCH", _question_path(dag_id, run_id, task_id), body)

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task by hand, as people do in the UI: ``success``, ``failed`` or ``skipped``."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}"
        self._call("PATCH", path, {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Have a task run again."""
        body = {"dag_run_id": run_id, "task_ids": [task_id], "dry_run": False, "only_failed": False}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run by hand: ``queued``, ``success`` or ``failed``."""
        self._call("PATCH", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}", {"state": state})

    def announce(self, asset: str) -> None:
        """Tell Airflow that an asset has new data, as whoever makes them does.

        Raises:
            TerminalError: when no DAG names such an asset.
            TransientError: when Airflow is too busy.
        """
        known = {each["name"]: each["id"] for each in self._answer("GET", "/assets?limit=1000")["assets"]}
        if asset not in known:
            raise TerminalError("there is no such asset", received=asset, allowed=", ".join(known) or "none is known")
        self._call("POST", "/assets/events", {"asset_id": known[asset]})

    def backfill(self, dag_id: str, first: str, last: str, conf: Mapping[str, Any] | None = None) -> int:
        """Start a backfill over ``[first, last]`` (ISO 8601) and return its id."""
        body = {"dag_id": dag_id, "from_date": first, "to_date": last, "dag_run_conf": dict(conf or {})}
        return int(self._answer("POST", "/backfills", {**body, "max_active_runs": 1})["id"])

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        within_seconds: float,
        watch: Callable[[list[dict[str, Any]]], None] | None = None,
    ) -> str:
        """Wait until a run has finished and return its state; `watch` gets its task instances at every look.

        Raises:
            TransientError: when it has not finished in time.
        """
        deadline = time.monotonic() + within_seconds
        while True:
            state = str(self.run(dag_id, run_id)["state"])
            if watch is not None:
                watch(self.tasks(dag_id, run_id))
            if state in FINISHED:
                return state
            if time.monotonic() > deadline:
                raise TransientError(
                    f"the run has not finished within {within_seconds:.0f} s",
                    received=f"{dag_id} {run_id}: {state}", next_step="look at the run in Airflow's UI",
                )  # fmt: skip
            time.sleep(0.3)

    def _answer(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return self._call(method, path, body) or {}

    def _call(
        self, method: str, path: str, body: object = None, *, missing_is_none: bool = False
    ) -> dict[str, Any] | None:
        response = self._send(method, path, body)
        if response.status_code == 401:  # The token has expired: log in again.
            self._token = None
            response = self._send(method, path, body)
        for seconds in _BUSY_WAITS:
            if not _was_busy(response):
                break
            time.sleep(seconds)
            response = self._send(method, path, body)
        if response.status_code == 404 and missing_is_none:
            return None
        _raise_for(response, method, path)
        return dict(response.json()) if response.content else {}

    def _send(self, method: str, path: str, body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._get_token()}", "Accept": "application/json"}
        try:
            return self._client.request(method, f"/api/v2{path}", json=body, headers=headers)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def _get_token(self) -> str:
        if self._token is None:
            try:
                response = self._client.post("/auth/token", json=self._login)
            except httpx.HTTPError as error:
                raise self._unreachable(error) from None
            _raise_for(response, "POST", "/auth/token")
            self._token = str(response.json()["access_token"])
        return self._token

    def _unreachable(self, error: httpx.HTTPError) -> TransientError:
        return TransientError(
            f"Airflow's API server cannot be reached: {error}", received=self._client.base_url, next_step="make up"
        )


def _was_busy(response: httpx.Response) -> bool:
    """Tell whether Airflow undid the request because another process wrote: on SQLite that happens, and passes."""
    return response.status_code == 503 or (response.status_code == 500 and "Database error" in response.text)


def _raise_for(response: httpx.Response, method: str, path: str) -> None:
    if response.is_success:
        return
    kind = TransientError if response.status_code >= 500 else TerminalError
    received = f"{response.status_code}: {response.text[:500]}"
    raise kind(f"Airflow refused {method} {path}", received=received, allowed="a 2xx answer")


def _log_line(event: object) -> str:
    if not isinstance(event, Mapping):
        return str(event)
    details = [f"{key}={event[key]}" for key in ("reason", "exit_code") if key in event]
    errors = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in event.get("error_detail") or []]
    return " ".join([str(event.get("timestamp", ""))[:19], str(event.get("event", "")), *details, *errors]).strip()


def _question_path(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/-1/hitlDetails"
