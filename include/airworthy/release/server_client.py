"""The release stage's view of the model server: load, score over HTTP, swap, unload."""

from __future__ import annotations

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

from airworthy.errors import TerminalError, TransientError

_SECONDS = 60.0
_CHUNK_ROWS = 500
_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Latency:
    """How long single-row requests took, in milliseconds, as this client saw them."""

    p50_ms: float
    p99_ms: float
    requests: int


class ServerClient:
    """Talks to one model server. Close it, or use it in a ``with`` block."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Keep the address; nothing is sent yet.

        Args:
            url: The server's address, such as ``http://127.0.0.1:8000``.
            token: Administration's bearer token; without it only public routes answer.
        """
        self.url = url.rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=_SECONDS, trust_env=False
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
        """Return whether a server answers at the address."""
        try:
            return self._http.get("/health/live", timeout=2.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def describe(self, model: str) -> dict[str, Any]:
        """Return what the server says of a model's champion: version, digest, since (UTC), inputs, candidates.

        Raises:
            TerminalError: when the server does not know the model.
            TransientError: when it does not answer, or has no champion of it yet.
        """
        return self._ask("GET", f"/models/{quote(model, safe='')}", model)

    def load_candidate(self, model: str, version: str) -> dict[str, Any]:
        """Load a version beside the champion, where it takes no traffic.

        Raises:
            TerminalError: with the server's reason, such as files that are not those registered.
            TransientError: when the server does not answer.
        """
        return self._ask("PUT", self._version_path(model, version), model)

    def predict_version(
        self, model: str, version: str, rows: pl.DataFrame, *, chunk_rows: int = _CHUNK_ROWS
    ) -> list[Any]:
        """Score raw rows with a loaded version.

        Args:
            model: The registered model's name.
            version: A version that is loaded.
            rows: The model's input columns; further columns are sent too, and ignored.
            chunk_rows: How many rows go into one request.

        Returns:
            One prediction per row, in order.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer.
        """
        path = f"{self._version_path(model, version)}/invocations"
        predictions: list[Any] = []
        for chunk in rows.iter_slices(chunk_rows):
            predictions.extend(self._ask("POST", path, model, split_body(chunk))["predictions"])
        return predictions

    def ask_champion(self, model: str, rows: pl.DataFrame) -> dict[str, Any]:
        """Send rows the way that everybody does and return the answer: ``version`` and ``predictions``.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer.
        """
        return self._ask(
            "POST", f"/models/{quote(model, safe='')}/invocations", model, split_body(rows)
        )

    def send_labels(self, model: str, labels: Sequence[tuple[str, Any]]) -> None:
        """Tell what predictions turned out to be: their ids, each with its label.

        Raises:
            TerminalError: with the server's reason.
            TransientError: when the server does not answer, or could not log them.
        """
        body = orjson.dumps({"labels": [{"id": id, "label": label} for id, label in labels]})
        self._ask("POST", f"/models/{quote(model, safe='')}/labels", model, body)

    def measure_latency(
        self, model: str, version: str, rows: pl.DataFrame, requests: int = 200
    ) -> Latency:
        """Send single-row requests one after the other and return how long they took.

        Raises:
            TerminalError: with the server's reason; and when there are no rows to send.
            TransientError: when the server does not answer.
        """
        if rows.is_empty():
            raise TerminalError(
                "latency cannot be measured without rows", model=model, stage="release"
            )
        path = f"{self._version_path(model, version)}/invocations"
        bodies = [split_body(rows[place % rows.height]) for place in range(requests)]
        taken = []
        for body in bodies:
            started = perf_counter()
            self._ask("POST", path, model, body)
            taken.append((perf_counter() - started) * 1e3)
        p50, p99 = np.percentile(taken, [50, 99])
        return Latency(float(p50), float(p99), requests)

    def rollout(self, model: str) -> dict[str, Any]:
        """Return what the server says of a model's rollout: champion, challenger, step, since, kill switch, figures.

        Raises:
            TerminalError: when the server does not know the model.
            TransientError: when it does not answer, or has no champion of it yet.
        """
        return self._ask("GET", f"/models/{quote(model, safe='')}/rollout", model)

    def swap(self, model: str, version: str) -> str | None:
        """Give all traffic to a version and return the version that had it before.

        Raises:
            TerminalError: with the server's reason; the previous champion keeps serving.
            TransientError: when the server does not answer.
        """
        reply = self._ask(
            "PUT",
            f"/models/{quote(model, safe='')}/champion",
            model,
            orjson.dumps({"version": version}),
        )
        previous: str | None = reply["previous_version"]
        return previous

    def unload(self, model: str, version: str) -> None:
        """Unload a candidate.

        Raises:
            TerminalError: when it is the champion, or is not loaded.
            TransientError: when the server does not answer.
        """
        self._ask("DELETE", self._version_path(model, version), model)

    def _version_path(self, model: str, version: str) -> str:
        return f"/models/{quote(model, safe='')}/versions/{quote(version, safe='')}"

    def _ask(self, method: str, path: str, model: str, body: bytes | None = None) -> dict[str, Any]:
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
        raise self._error(response, model)

    def _error(self, response: httpx.Response, model: str) -> TerminalError | TransientError:
        try:
            reply = dict(orjson.loads(response.content))
        except ValueError:
            reply = {"error": response.text[:300]}
        passing = (
            response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            or response.status_code in _AGAIN
        )
        return (TransientError if passing else TerminalError)(
            f"the model server answered {response.status_code}: {reply.get('error')}",
            model=model,
            stage="release",
            received=reply.get("received"),
            allowed=reply.get("allowed"),
            next_step=reply.get("next_step"),
        )


def split_body(rows: pl.DataFrame) -> bytes:
    """Return rows as a ``dataframe_split`` body; times in ISO 8601 with their offset, NaN as null."""
    return orjson.dumps({"dataframe_split": {"columns": rows.columns, "data": rows.rows()}})
