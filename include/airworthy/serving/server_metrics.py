"""The server's Prometheus metrics, in a registry of their own so that several servers may share a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from airworthy.release.rollout_flags import Rollout
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_distribution import Distribution, Distributions

_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)
NOBODY = "none"


class _Counting(NamedTuple):
    requests: Counter
    rows: Counter
    seconds: Histogram
    predictions: Distribution | None


class Metrics:
    """What the server counts. Labels of requests that no version answered are ``none``."""

    def __init__(self) -> None:
        """Make the metrics, all at zero."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._distributions = Distributions()
        self.registry.register(self._distributions)
        self._counting: dict[tuple[str, str, str, int], _Counting] = {}
        labels = ["model", "version"]
        self._requests = Counter(
            "airworthy_requests",
            "Scoring requests by answer",
            [*labels, "arm", "status"],
            registry=self.registry,
        )
        self._rows = Counter("airworthy_rows", "Rows scored", labels, registry=self.registry)
        self._seconds = Histogram(
            "airworthy_request_seconds",
            "Seconds from the request's head to its answer",
            [*labels, "arm"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._info = Gauge(
            "airworthy_version_info",
            "1 for every loaded version",
            [*labels, "digest", "role"],
            registry=self.registry,
        )
        self._challenger_errors = Counter(
            "airworthy_challenger_errors",
            "Requests that a challenger failed and the champion answered",
            labels,
            registry=self.registry,
        )
        self._shadows_dropped = Counter(
            "airworthy_shadows_dropped",
            "Requests that a shadow was too slow for",
            labels,
            registry=self.registry,
        )
        self._flag_problems = Gauge(
            "airworthy_flag_problems",
            "What is broken in the flag file; the last good flags hold",
            registry=self.registry,
        )
        self._rollouts = Gauge(
            "airworthy_rollout_info",
            "1 for every rollout under way",
            ["model", "champion", "challenger", "step"],
            registry=self.registry,
        )
        self._kill_switches = Gauge(
            "airworthy_kill_switch",
            "1 when the champion answers everything",
            ["model"],
            registry=self.registry,
        )
        self._swaps = Counter(
            "airworthy_swaps", "Champions swapped", ["model"], registry=self.registry
        )

    def answered(
        self,
        loaded: LoadedModel | None,
        arm: str,
        status: int,
        predictions: Sequence[Any],
        started: float,
    ) -> None:
        """Count one scoring request.

        Args:
            loaded: The version that answered, if one did.
            arm: ``champion``, ``challenger``, ``shadow``, or `NOBODY` for administration's.
            status: The HTTP status.
            predictions: One per row that was scored; administration's say nothing of how predictions are distributed.
            started: `time.perf_counter` at the request's start, in seconds; a shadow starts when it is asked.
        """
        model, version = (loaded.model, loaded.version) if loaded else (NOBODY, NOBODY)
        key = (model, version, arm, status)
        # Finding three metrics by their labels takes longer than counting in them.
        counting = self._counting.get(key) or self._count_as(key, loaded)
        counting.requests.inc()
        if predictions:
            counting.rows.inc(len(predictions))
            counting.seconds.observe(perf_counter() - started)
            if counting.predictions is not None:
                counting.predictions.extend(predictions)

    def _count_as(self, key: tuple[str, str, str, int], loaded: LoadedModel | None) -> _Counting:
        model, version, arm, status = key
        counting = self._counting[key] = _Counting(
            self._requests.labels(model, version, arm, str(status)),
            self._rows.labels(model, version),
            self._seconds.labels(model, version, arm),
            self._distributions.of(loaded, arm) if loaded and arm != NOBODY else None,
        )
        return counting

    def challenger_failed(self, model: str, version: str) -> None:
        """Count a request that a challenger should have answered and did not; the champion did."""
        self._challenger_errors.labels(model, version).inc()

    def shadow_dropped(self, loaded: LoadedModel) -> None:
        """Count a shadow that there was no room for."""
        self._shadows_dropped.labels(loaded.model, loaded.version).inc()

    def rollouts(self, under_way: dict[str, Rollout]) -> None:
        """Show the rollouts under way, by model."""
        self._rollouts.clear()
        for model, rollout in under_way.items():
            self._rollouts.labels(
                model, rollout.champion, rollout.challenger, str(rollout.step)
            ).set(1)

    def flags_taken(self, killed: dict[str, bool], problems: int) -> None:
        """Show the kill switches that the flags say, by model, and how much in their file is broken."""
        self._flag_problems.set(problems)
        self._kill_switches.clear()
        for model, thrown in killed.items():
            self._kill_switches.labels(model).set(thrown)

    def count_lost(self, lost: Callable[[], float]) -> None:
        """Show how many answers could not be logged since the start; `lost` is asked when the metrics are."""
        self.registry.register(_Lost(lost))

    def loaded(self, loaded: LoadedModel, role: str) -> None:
        """Show a version as loaded in a role: ``champion`` or ``candidate``."""
        self._info.labels(loaded.model, loaded.version, loaded.digest, role).set(1)

    def unloaded(self, loaded: LoadedModel, role: str) -> None:
        """Stop showing a version in a role."""
        self._info.remove(loaded.model, loaded.version, loaded.digest, role)

    def swapped(self, model: str) -> None:
        """Count a change of champion."""
        self._swaps.labels(model).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Lost(Collector):
    def __init__(self, lost: Callable[[], float]) -> None:
        self._lost = lost

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(
            "airworthy_predictions_lost", "Answers that could not be logged", self._lost()
        )
