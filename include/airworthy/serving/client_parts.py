"""The figures of each client: the guard leaves one client out, and asks what the others say.

All of this runs on the server's event loop.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from airworthy.handover import ArmFigures
from airworthy.serving.prediction_quality import LossMean
from airworthy.serving.reservoir import Reservoir
from airworthy.traffic.replica_report import ArmReport

MAX_CLIENTS = 8
OTHERS = "(others)"
"""The name of all clients beyond `MAX_CLIENTS` together. No client can have it."""
_SECONDS, _PREDICTIONS = 200, 400


class Counted(Protocol):
    """Counts of a version's requests.

    Attributes:
        requests: The number of requests.
        errors: Those that failed.
        rows: The rows of the others.
        losses: The losses of the labelled predictions.
    """

    requests: int
    errors: int
    rows: int
    losses: LossMean


class _Part:
    """One client's requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.rows = 0
        self.losses = LossMean()
        self.seconds: Reservoir[float] = Reservoir(_SECONDS)
        self.predictions: Reservoir[Any] = Reservoir(_PREDICTIONS)

    def report(self, version: str, samples: bool) -> ArmReport:
        ordered = sorted(self.seconds.values)
        figures = arm_figures(version, self, ordered)
        if not samples:
            return ArmReport(figures=figures)
        return ArmReport(
            figures=figures,
            predictions=[as_number(each) for each in self.predictions.values],
            seconds=[round(each, 6) for each in ordered],
        )


class ClientParts:
    """One version's requests in one span of time, by client."""

    def __init__(self, version: str, predictions: bool = True) -> None:
        """Start with none.

        Args:
            version: The version.
            predictions: Whether samples of predictions are kept.
        """
        self._version = version
        self._predictions = predictions
        self._parts: dict[str, _Part] = {}

    def record(self, client: str, predictions: list[Any] | None, seconds: float) -> None:
        """Record a request.

        Args:
            client: The client's name.
            predictions: One per row; None for a request that failed.
            seconds: The time that it took.
        """
        part = self._part(client)
        part.requests += 1
        if predictions is None:
            part.errors += 1
            return
        part.rows += len(predictions)
        part.seconds.extend((seconds,))
        if self._predictions:
            part.predictions.extend(predictions)

    def add_loss(self, client: str, loss: float) -> None:
        """Add the loss of a client's prediction."""
        self._part(client).losses.add(loss)

    def report(self) -> dict[str, ArmReport]:
        """Return the figures by client. The samples of an only client are those of the arm."""
        samples = len(self._parts) > 1
        return {name: part.report(self._version, samples) for name, part in self._parts.items()}

    def _part(self, client: str) -> _Part:
        part = self._parts.get(client)
        if part is None:
            name = client if len(self._parts) < MAX_CLIENTS else OTHERS
            part = self._parts.setdefault(name, _Part())
        return part


def arm_figures(version: str, counted: Counted, ordered: list[float]) -> ArmFigures:
    """Return the figures of a version's requests.

    Args:
        version: The version.
        counted: The counts of its requests.
        ordered: A sample of their durations in seconds, ascending.
    """
    return ArmFigures(
        version=version,
        requests=counted.requests,
        errors=counted.errors,
        rows=counted.rows,
        p50_ms=percentile_ms(ordered, 0.50),
        p99_ms=percentile_ms(ordered, 0.99),
        labels=counted.losses.labels,
        mean_loss=counted.losses.mean_loss,
        loss_sd=counted.losses.loss_sd,
    )


def percentile_ms(ordered: list[float], share: float) -> float | None:
    """Return a percentile in milliseconds of ordered seconds; None without any."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


def as_number(prediction: Any) -> float | None:
    """Return a prediction as a number, or the code of the most probable class; None: not finite."""
    if type(prediction) is list:
        return float(max(range(len(prediction)), key=prediction.__getitem__))
    return float(prediction) if math.isfinite(prediction) else None
