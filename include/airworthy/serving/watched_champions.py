"""Statistics of champions that the guard watches after their release.

Each watched champion has its figures since it became champion, and those of the last two windows
of `WINDOW_SECONDS`: trouble that begins later does not drown in hours of good answers.

All of this runs on the server's event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

from airworthy.predictions.spool import Label
from airworthy.serving.client_parts import ClientParts, arm_figures
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_quality import LossMean, PredictionQuality
from airworthy.serving.reservoir import Reservoir
from airworthy.traffic.replica_report import ArmReport, WatchReport, WatchWindow
from airworthy.traffic.traffic_state import Traffic

WINDOW_SECONDS = 300
WHOLE_SAMPLE, WINDOW_SAMPLE = 500, 200
# The last look may come a while after the end.
KEPT_AFTER_END = timedelta(hours=1)


class _Counts:
    """The requests of one span of time."""

    def __init__(self, version: str, sample: int) -> None:
        self.version = version
        self.requests = 0
        self.errors = 0
        self.rows = 0
        self.losses = LossMean()
        self._seconds: Reservoir[float] = Reservoir(sample)
        self._clients = ClientParts(version, predictions=False)

    def record(self, predictions: list[Any] | None, seconds: float, client: str) -> None:
        """Record a client's request; `predictions` is None for a failed one."""
        self._clients.record(client, predictions, seconds)
        self.requests += 1
        if predictions is None:
            self.errors += 1
            return
        self.rows += len(predictions)
        self._seconds.extend((seconds,))

    def add_loss(self, loss: float, client: str) -> None:
        """Add the loss of a client's prediction."""
        self.losses.add(loss)
        self._clients.add_loss(client, loss)

    def report(self) -> ArmReport:
        """Return the figures, and a sample of the durations. Microseconds are enough."""
        ordered = sorted(self._seconds.values)
        figures = arm_figures(self.version, self, ordered)
        return ArmReport(
            figures=figures,
            seconds=[round(value, 6) for value in ordered],
            clients=self._clients.report(),
        )


class WatchedChampion:
    """One model's champion while it is watched.

    Attributes:
        version: The version.
        entry: The sequence number of the entry that made it champion.
        since: The time of this entry, UTC.
        until: The planned end of the watch, UTC.
    """

    def __init__(
        self,
        version: str,
        entry: int,
        since: datetime,
        until: datetime,
        clock: Callable[[], float] = time,
    ) -> None:
        """Start with no request.

        Args:
            version: The version.
            entry: The sequence number of the entry that made it champion.
            since: The time of this entry, UTC.
            until: The planned end of the watch, UTC.
            clock: Returns seconds since 1970: the windows of all servers begin together.
        """
        self.version = version
        self.entry = entry
        self.since = since
        self.until = until
        self._clock = clock
        self._whole = _Counts(version, WHOLE_SAMPLE)
        self._windows: dict[int, _Counts] = {}
        self._quality: PredictionQuality | None = None

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
            seconds: The time since the request's head.
            client: The client's name.
        """
        for counts in (self._whole, self._window()):
            counts.record(predictions, seconds, client)
        if self._quality is None:
            self._quality = PredictionQuality(loaded.bundle.manifest)
        self._quality.add_predictions(request_id, predictions, client)

    def record_failure(self, client: str = "") -> None:
        """Record a client's request the version failed to answer."""
        for counts in (self._whole, self._window()):
            counts.record(None, 0.0, client)

    def has_predicted(self, request_id: str) -> bool:
        """Tell whether the version's answer to a request is in memory."""
        return self._quality is not None and self._quality.has_predicted(request_id)

    def join_label(self, request_id: str, row: int, label: Label) -> bool:
        """Join a label with its prediction. Tell whether the prediction was there.

        The loss counts in the window in which the label came.

        Args:
            request_id: The id of the request.
            row: The row of the request, counted from 0.
            label: The true value.
        """
        quality = self._quality
        loss = None if quality is None else quality.joined_loss(request_id, row, label)
        if quality is None or loss is None:
            return False
        client = quality.client_of(request_id)
        for counts in (self._whole, self._window()):
            counts.add_loss(loss, client)
        return True

    def report(self) -> WatchReport:
        """Return the figures since the move, and those of the last two windows."""
        self._window()
        return WatchReport(
            entry=self.entry,
            whole=self._whole.report(),
            windows=[
                WatchWindow(number=number, arm=counts.report())
                for number, counts in sorted(self._windows.items())
            ],
        )

    def _window(self) -> _Counts:
        """Return the present window, and forget those before the last one."""
        number = int(self._clock() // WINDOW_SECONDS)
        window = self._windows.get(number)
        if window is None:
            kept = {each: self._windows[each] for each in self._windows if each == number - 1}
            window = _Counts(self.version, WINDOW_SAMPLE)
            self._windows = {**kept, number: window}
        return window


class WatchedChampions:
    """The watched champions of all models."""

    def __init__(self) -> None:
        """Start without any."""
        self._watched: dict[str, WatchedChampion] = {}

    def follow(self, model: str, traffic: Traffic) -> None:
        """Begin or end a model's watch. An unchanged champion keeps its statistics."""
        watched = self.of(model)
        if (watched.entry if watched else None) == _watched_entry(traffic):
            return
        self._watched.pop(model, None)
        until, champion = traffic.watched_until, traffic.champion_version
        if until is None or champion is None or datetime.now(UTC) > until + KEPT_AFTER_END:
            return
        since = datetime.fromisoformat(traffic.since) if traffic.since else datetime.now(UTC)
        self._watched[model] = WatchedChampion(champion, traffic.champion_entry, since, until)

    def of(self, model: str) -> WatchedChampion | None:
        """Return a model's watched champion; None: it is not watched, or the watch is over."""
        watched = self._watched.get(model)
        if watched is not None and datetime.now(UTC) > watched.until + KEPT_AFTER_END:
            del self._watched[model]
            return None
        return watched

    def for_request(self, champion: LoadedModel) -> WatchedChampion | None:
        """Return the watched champion for a request to a version.

        A request begun before the last change of champion says nothing about the new one.
        """
        watched = self._watched.get(champion.model)
        return watched if watched is not None and watched.version == champion.version else None

    @property
    def models(self) -> list[str]:
        """The models with a watched champion."""
        return [model for model in list(self._watched) if self.of(model) is not None]

    def join_label(self, model: str, request_id: str, row: int, label: Label) -> bool:
        """Join a label with the champion's prediction. Tell whether it had predicted it.

        Args:
            model: The model's name.
            request_id: The id of the request.
            row: The row of the request, counted from 0.
            label: The true value.
        """
        watched = self.of(model)
        return watched is not None and watched.join_label(request_id, row, label)


def _watched_entry(traffic: Traffic) -> int | None:
    return traffic.champion_entry if traffic.watched_until is not None else None
