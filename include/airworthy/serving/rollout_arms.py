"""What an arm of a rollout did since the present step began: what the guard judges.

All of this runs on the server's event loop.
"""

from __future__ import annotations

import math
from typing import Any

from airworthy.predictions.spool import Label
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_quality import Quality
from airworthy.serving.reservoir import Reservoir

CHAMPION, CHALLENGER, SHADOW = "champion", "challenger", "shadow"
SAMPLE = 2000


class Arm:
    """One version's requests in one step of a rollout."""

    def __init__(self, version: str) -> None:
        """Start with no request; the version need not be loaded yet."""
        self.version = version
        self.requests = 0
        self.errors = 0
        self.rows = 0
        self._quality: Quality | None = None
        self._seconds: Reservoir[float] = Reservoir(SAMPLE)
        self._predictions: Reservoir[Any] = Reservoir(SAMPLE)

    def answered(
        self, request_id: str, loaded: LoadedModel, predictions: list[Any], seconds: float
    ) -> None:
        """Count a request that the version answered.

        Args:
            request_id: The request's id.
            loaded: The version.
            predictions: One per row.
            seconds: How long the version took; for an answer that was sent, since the request's head.
        """
        self.requests += 1
        self.rows += len(predictions)
        self._seconds.extend((seconds,))
        self._predictions.extend(predictions)
        if self._quality is None:
            self._quality = Quality(loaded.bundle.manifest)
        self._quality.remember(request_id, predictions)

    def failed(self) -> None:
        """Count a request that the version did not answer though it should have."""
        self.requests += 1
        self.errors += 1

    def join(self, request_id: str, row: int, label: Label) -> bool:
        """Count a label and tell whether its prediction was there."""
        return self._quality is not None and self._quality.join(request_id, row, label)

    def describe(self) -> dict[str, Any]:
        """Return the figures.

        Latencies are milliseconds, and null before the first answer. `predictions` are a uniform sample of at most
        `SAMPLE`: the number, or the place of the most probable class; null where it is no finite number.
        """
        ordered = sorted(self._seconds.values)
        return {
            "version": self.version,
            "requests": self.requests,
            "errors": self.errors,
            "rows": self.rows,
            "p50_ms": _percentile_ms(ordered, 0.50),
            "p99_ms": _percentile_ms(ordered, 0.99),
            "predictions": [_number(prediction) for prediction in self._predictions.values],
            "labels": self._quality.labels if self._quality else 0,
            "mean_loss": self._quality.mean_loss if self._quality else None,
            "loss_sd": self._quality.loss_sd if self._quality else None,
        }


def _percentile_ms(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


def _number(prediction: Any) -> float | None:
    if type(prediction) is list:
        return float(max(range(len(prediction)), key=prediction.__getitem__))
    return float(prediction) if math.isfinite(prediction) else None
