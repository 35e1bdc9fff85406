"""Statistics of a rollout's arms since the present step began. The guard reads them.

All of this runs on the server's event loop.
"""

from __future__ import annotations

from typing import Any

from airworthy.handover import ArmFigures
from airworthy.predictions.spool import Label
from airworthy.serving.client_parts import ClientParts, as_number, percentile_ms
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_quality import PredictionQuality
from airworthy.serving.reservoir import Reservoir
from airworthy.traffic.replica_report import ArmReport

CHAMPION, CHALLENGER, SHADOW = "champion", "challenger", "shadow"
SAMPLE_SIZE = 2000


class Arm:
    """One version's requests in one step of a rollout."""

    def __init__(self, version: str) -> None:
        """Start with no request. The version may not be loaded yet."""
        self.version = version
        self.requests = 0
        self.errors = 0
        self.rows = 0
        self.refused = 0
        self._quality: PredictionQuality | None = None
        self._seconds: Reservoir[float] = Reservoir(SAMPLE_SIZE)
        self._predictions: Reservoir[Any] = Reservoir(SAMPLE_SIZE)
        self._clients = ClientParts(version)

    def record_answer(
        self,
        request_id: str,
        loaded: LoadedModel,
        predictions: list[Any],
        seconds: float,
        client: str = "",
    ) -> None:
        """Record a request answered by the version.

        Args:
            request_id: The request's id.
            loaded: The version.
            predictions: One per row.
            seconds: The time since the request's head. For a shadow: since its prediction began.
            client: The client's name.
        """
        self.requests += 1
        self.rows += len(predictions)
        self._seconds.extend((seconds,))
        self._predictions.extend(predictions)
        if self._quality is None:
            self._quality = PredictionQuality(loaded.bundle.manifest)
        self._quality.add_predictions(request_id, predictions, client)
        self._clients.record(client, predictions, seconds)

    def record_failure(self, client: str = "") -> None:
        """Record a client's request the version failed to answer."""
        self.requests += 1
        self.errors += 1
        self._clients.record(client, None, 0.0)

    def has_predicted(self, request_id: str) -> bool:
        """Tell whether the version's answer to a request is in memory."""
        return self._quality is not None and self._quality.has_predicted(request_id)

    def join_label(self, request_id: str, row: int, label: Label) -> bool:
        """Join a label with its prediction. Tell whether the prediction was there.

        Args:
            request_id: The id of the request.
            row: The row of the request, counted from 0.
            label: The true value.
        """
        quality = self._quality
        loss = None if quality is None else quality.joined_loss(request_id, row, label)
        if quality is None or loss is None:
            return False
        self._clients.add_loss(quality.client_of(request_id), loss)
        return True

    def describe(self) -> dict[str, Any]:
        """Return the statistics as JSON values.

        Latencies are in milliseconds, and null before the first answer. `predictions` is a uniform
        sample of at most `SAMPLE_SIZE`: the number, or the code of the most probable class. It is
        null for an infinite number and NaN.
        """
        return self._figures() | {"predictions": self._sample()}

    def report(self) -> ArmReport:
        """Return the statistics with both samples; see `ArmReport`."""
        return ArmReport(
            figures=ArmFigures.model_validate(self._figures()),
            predictions=self._sample(),
            seconds=list(self._seconds.values),
            clients=self._clients.report(),
        )

    def _sample(self) -> list[float | None]:
        return [as_number(prediction) for prediction in self._predictions.values]

    def _figures(self) -> dict[str, Any]:
        ordered = sorted(self._seconds.values)
        return {
            "version": self.version,
            "requests": self.requests,
            "errors": self.errors,
            "rows": self.rows,
            "refused": self.refused,
            "p50_ms": percentile_ms(ordered, 0.50),
            "p99_ms": percentile_ms(ordered, 0.99),
            "labels": self._quality.labels if self._quality else 0,
            "mean_loss": self._quality.mean_loss if self._quality else None,
            "loss_sd": self._quality.loss_sd if self._quality else None,
        }
