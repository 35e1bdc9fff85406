"""Airflow's REST API through its official client: with a login, patience and the errors of `airworthy.errors`.

The official client takes a second to import. The demo, the end-to-end tests and the benchmarks do; no DAG file may.
"""

from __future__ import annotations

import json
from typing import Any

from airflow_client.client import ApiClient, Configuration
from airflow_client.client.rest import RESTResponse
from tenacity import retry, retry_if_result, stop_after_attempt, wait_exponential
from urllib3.exceptions import HTTPError

from airworthy.errors import TerminalError, TransientError

# Airflow makes the API of its tasks when the first task calls, and answers nobody meanwhile.
_PATIENCE_SECONDS = 120.0


def _was_busy(response: RESTResponse) -> bool:
    """Tell whether Airflow undid the request because another process wrote: on SQLite that happens, and passes."""
    return response.status == 503 or (
        response.status == 500 and b"Database error" in response.read()
    )


class AirflowApi(ApiClient):
    """One Airflow as one user, to be given to the official client's classes: ``DagRunApi(airflow)``.

    Every call raises TransientError when Airflow cannot be reached or has trouble of its own, and TerminalError when it
    refuses the request.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in at the first call, and use no proxy.

        Args:
            url: Airflow's address, without a path.
            username: Who.
            password: And their password.
        """
        super().__init__(
            Configuration(
                host=url, username=username, password=password, no_proxy="*", retries=False
            )
        )

    def call_api(
        self, method: str, url: str, header_params: dict[str, str], *body: Any, **options: Any
    ) -> RESTResponse:
        """Send a request of the official client. Log in when Airflow asks for it.

        Args:
            method: ``GET``, ``POST``, ...
            url: The whole address.
            header_params: The headers. A new token is put into them.
            body: The body, if there is one.
            options: The official client's further options.
        """
        options["_request_timeout"] = options.get("_request_timeout") or _PATIENCE_SECONDS
        response = self._send(method, url, header_params, *body, **options)
        if response.status == 401:  # There is no token yet, or it has expired.
            header_params["Authorization"] = f"Bearer {self._log_in()}"
            response = self._send(method, url, header_params, *body, **options)
        return _accepted(response, method, url)

    def _log_in(self) -> str:
        settings, headers = self.configuration, {"Content-Type": "application/json"}
        url, login = (
            f"{settings.host}/auth/token",
            {"username": settings.username, "password": settings.password},
        )
        answer = self._send("POST", url, headers, login, _request_timeout=_PATIENCE_SECONDS)
        settings.access_token = str(
            json.loads(_accepted(answer, "POST", url).read())["access_token"]
        )
        return settings.access_token

    @retry(
        retry=retry_if_result(_was_busy),
        wait=wait_exponential(multiplier=0.5),
        stop=stop_after_attempt(5),
        retry_error_callback=lambda state: state.outcome.result(),
    )
    def _send(self, *request: Any, **options: Any) -> RESTResponse:
        try:
            response = self.rest_client.request(*request, **options)
            response.read()
        except HTTPError as error:
            problem, received = (
                f"Airflow's API server cannot be reached: {error}",
                self.configuration.host,
            )
            raise TransientError(problem, received=received, next_step="make up") from None
        return response


def _accepted(response: RESTResponse, method: str, url: str) -> RESTResponse:
    if 200 <= response.status < 300:
        return response
    kind = TransientError if response.status >= 500 else TerminalError
    received = f"{response.status}: {response.read().decode(errors='replace')[:500]}"
    next_step = "read the log of the stack's api-server"
    raise kind(
        f"Airflow refused {method} {url}",
        received=received,
        allowed="a 2xx answer",
        next_step=next_step,
    )
