"""Airflow's REST API by its official client, with a login, retries and our own errors.

The official client takes a second to import. The demo, the end-to-end tests and the benchmarks do;
no DAG file may.
"""

from __future__ import annotations

import json
from typing import Any

from airflow_client.client import ApiClient, Configuration
from airflow_client.client.rest import RESTResponse
from tenacity import RetryCallState, retry, retry_if_result, stop_after_attempt, wait_exponential
from urllib3.exceptions import HTTPError

from airworthy.errors import TerminalError, TransientError

# Airflow makes the API of its tasks when the first task calls, and answers nobody meanwhile.
_PATIENCE_SECONDS = 120.0


def _was_busy(response: RESTResponse) -> bool:
    """Return whether Airflow undid the request because another process wrote to SQLite. It passes."""
    return response.status == 503 or (
        response.status == 500 and b"Database error" in response.read()
    )


def _last_response(state: RetryCallState) -> RESTResponse:
    """Return the response to the last try."""
    if state.outcome is None:
        raise RuntimeError("tenacity gave up before the first try")
    response: RESTResponse = state.outcome.result()
    return response


class AirflowApi(ApiClient):
    """One Airflow as one user, for the official client's classes: ``DagRunApi(airflow)``.

    Every call raises TransientError when Airflow cannot be reached or has trouble of its own, and
    TerminalError when it refuses the request.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in at the first call, and use no proxy.

        Args:
            url: Airflow's address, without a path.
            username: The user's name.
            password: The user's password.
        """
        super().__init__(
            Configuration(
                host=url, username=username, password=password, no_proxy="*", retries=False
            )
        )

    def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> RESTResponse:
        """Send a request of the official client. Log in when Airflow asks for it.

        Args:
            method: ``GET``, ``POST``, ...
            url: The whole address.
            header_params: The headers. A new token is put into them.
            body: The body, if there is one.
            post_params: The fields of a form, if there is one.
            _request_timeout: Seconds, or a pair of them for connecting and reading.
        """
        headers = header_params if header_params is not None else {}
        seconds = _request_timeout or _PATIENCE_SECONDS
        request = (method, url, headers, body, post_params, seconds)
        response = self._send(*request)
        if response.status == 401:  # There is no token yet, or it has expired.
            headers["Authorization"] = f"Bearer {self._log_in()}"
            response = self._send(*request)
        return _accepted(response, method, url)

    def _log_in(self) -> str:
        settings = self.configuration
        url = f"{settings.host}/auth/token"
        login = {"username": settings.username, "password": settings.password}
        headers = {"Content-Type": "application/json"}
        response = self._send("POST", url, headers, login, None, _PATIENCE_SECONDS)
        token = str(json.loads(_accepted(response, "POST", url).read())["access_token"])
        settings.access_token = token
        return token

    @retry(
        retry=retry_if_result(_was_busy),
        wait=wait_exponential(multiplier=0.5),
        stop=stop_after_attempt(5),
        retry_error_callback=_last_response,
    )
    def _send(self, *request: Any) -> RESTResponse:
        try:
            response: RESTResponse = self.rest_client.request(*request)
            response.read()
        except HTTPError as error:
            raise TransientError(
                f"Airflow's API server cannot be reached: {error}",
                received=self.configuration.host,
                next_step="make up",
            ) from None
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
