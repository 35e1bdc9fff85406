"""The client of the model server: scores versions over HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import numpy as np
import orjson
import polars as pl

from airworthy.answer_limit import ANSWER_SECONDS
from airworthy.errors import TerminalError, TransientError

_CHUNK_ROWS = 500
_LIVE = {"status": "live"}  # the answer of /health/live
_RETRYABLE_STATUSES = frozenset({408, 425, 429})  # of the client errors; server errors all are


@dataclass(frozen=True)
class Latency:
    """The latency of single-row requests in milliseconds, measured by this client."""

    p50_ms: float
    p99_ms: float
    requests: int


class ServerClient:
    """The client of one model server. Close it, or use it in a ``with`` block."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Keep the address. Sends no request.

        Args:
            url: The server's address, such as ``http://127.0.0.1:8000``.
            token: The bearer token of administration; without it only public routes answer.
        """
        self.url = url.rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=ANSWER_SECONDS,
            trust_env=False,
            verify=_authorities() if self.url.startswith("https:") else False,
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def is_up(self) -> bool:
        """Return whether a model server answers at the address. Other programs are none."""
        try:
            answer = self._http.get("/health/live", timeout=2.0)
            return answer.status_code == httpx.codes.OK and answer.json() == _LIVE
        except (httpx.HTTPError, ValueError):
            return False

    def describe(self, model: str) -> dict[str, Any]:
        """Return a model's champion: version, digest, since (UTC), inputs; and its candidates.

        Raises:
            TerminalError: when the server does not know the model.
            TransientError: when it does not answer, or has no champion of the model yet.
        """
        return self._request("GET", _model_path(model), model)

    def predict_version(
        self, model: str, version: str, rows: pl.DataFrame, *, chunk_rows: int = _CHUNK_ROWS
    ) -> list[Any]:
        """Score raw rows with a loaded version.

        Args:
            model: The registered model's name.
            version: A version that is loaded.
            rows: The model's input columns. The server ignores further columns.
            chunk_rows: The number of rows of one request.

        Returns:
            One prediction per row, in order.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer.
        """
        path = f"{_version_path(model, version)}/invocations"
        predictions: list[Any] = []
        for chunk in rows.iter_slices(chunk_rows):
            response = self._request("POST", path, model, split_body(chunk))
            predictions.extend(response["predictions"])
        return predictions

    def predict_champion(self, model: str, rows: pl.DataFrame) -> dict[str, Any]:
        """Score rows on the public route and return the response: ``version`` and ``predictions``.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer.
        """
        return self._request("POST", f"{_model_path(model)}/invocations", model, split_body(rows))

    def send_labels(self, model: str, labels: Sequence[tuple[str, Any]]) -> None:
        """Send the labels of predictions, each with the prediction's id.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer, or could not log them.
        """
        values = [{"id": prediction_id, "label": label} for prediction_id, label in labels]
        body = orjson.dumps({"labels": values})
        self._request("POST", f"{_model_path(model)}/labels", model, body)

    def measure_latency(
        self, model: str, version: str, rows: pl.DataFrame, requests: int = 200
    ) -> Latency:
        """Send single-row requests one after the other and return their latency.

        Args:
            model: The registered model's name.
            version: A version that is loaded.
            rows: The rows to send, in turn.
            requests: The number of requests.

        Raises:
            TerminalError: with the server's reason, or when there are no rows to send.
            TransientError: when the server does not answer.
        """
        if rows.is_empty():
            raise TerminalError(
                "latency cannot be measured without rows", model=model, stage="release"
            )
        path = f"{_version_path(model, version)}/invocations"
        bodies = [split_body(rows[number % rows.height]) for number in range(requests)]
        latencies_ms = []
        for body in bodies:
            started = perf_counter()
            self._request("POST", path, model, body)
            latencies_ms.append((perf_counter() - started) * 1e3)
        p50, p99 = np.percentile(latencies_ms, [50, 99])
        return Latency(float(p50), float(p99), requests)

    def rollout(self, model: str) -> dict[str, Any]:
        """Return a model's rollout: champion, challenger, step, since, kill switch, figures.

        Raises:
            TerminalError: when the server does not know the model.
            TransientError: when it does not answer, or has no champion of the model yet.
        """
        return self._request("GET", f"{_model_path(model)}/rollout", model)

    def break_glass(
        self, model: str, to_version: str | None, reason: str, who: str
    ) -> dict[str, Any]:
        """Make this server go back at once, without ledger and registry; return what it did.

        Args:
            model: The registered model's name.
            to_version: The version to go back to; None: the last good one.
            reason: The reason, in words.
            who: The name of the person.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer.
        """
        body = orjson.dumps({"to_version": to_version, "reason": reason, "who": who})
        return self._request("POST", f"{_model_path(model)}/break-glass", model, body)

    def _request(
        self, method: str, path: str, model: str, body: bytes | None = None
    ) -> dict[str, Any]:
        headers = {"content-type": "application/json"} if body is not None else None
        try:
            response = self._http.request(method, path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise TransientError(
                f"the model server did not answer: {type(error).__name__}: {error}",
                model=model,
                stage="release",
                received=self.url,
                next_step="check that the server is up, then retry",
            ) from error
        if response.is_success:
            return dict(orjson.loads(response.content))
        raise _response_error(response, model)


def _model_path(model: str) -> str:
    return f"/models/{quote(model, safe='')}"


def _version_path(model: str, version: str) -> str:
    return f"{_model_path(model)}/versions/{quote(version, safe='')}"


def _response_error(response: httpx.Response, model: str) -> TerminalError | TransientError:
    try:
        content = dict(orjson.loads(response.content))
    except ValueError:
        content = {"error": response.text[:300]}
    status = response.status_code
    retryable = status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _RETRYABLE_STATUSES
    return (TransientError if retryable else TerminalError)(
        f"the model server answered {status}: {content.get('error')}",
        model=model,
        stage="release",
        received=content.get("received"),
        allowed=content.get("allowed"),
        next_step=content.get("next_step"),
    )


def split_body(rows: pl.DataFrame) -> bytes:
    """Return rows as a ``dataframe_split`` body; times in ISO 8601 with their offset, NaN as null.

    >>> split_body(pl.DataFrame({"distance_km": [1.5, float("nan")]}))
    b'{"dataframe_split":{"columns":["distance_km"],"data":[[1.5],[null]]}}'
    """
    return orjson.dumps({"dataframe_split": {"columns": rows.columns, "data": rows.rows()}})


def _authorities() -> ssl.SSLContext:
    """Return whom a certificate may be signed by: the usual ones, and those of this machine.

    OpenSSL's variable ``SSL_CERT_FILE`` names the file of the latter.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
