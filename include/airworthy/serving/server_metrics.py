"""The server's Prometheus metrics. Each server has a registry: servers may share a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from airworthy.release.rollout_flags import Rollout
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_distribution import Distributions
from airworthy.serving.shared_distribution import CountsPredictions, SharedDistributions
from airworthy.serving.shared_metrics import SharedMetrics

_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)
# Of several workers, each gauge shows the largest value.
_GAUGES: Final = "livemax"
NO_VERSION = "none"


class _Children(NamedTuple):
    """The metrics with the labels of one kind of request."""

    requests: Counter
    rows: Counter
    seconds: Histogram
    predictions: CountsPredictions | None


class ServerMetrics:
    """All metrics of one server. Labels of requests without an answering version are ``none``."""

    def __init__(self, shared: SharedMetrics | None = None) -> None:
        """Create the metrics, all at zero.

        `shared` has the metrics of all workers; None: this server is one process.
        """
        self.registry = CollectorRegistry()
        self._shared = shared
        self._distributions: Distributions | SharedDistributions
        if shared is None:
            ProcessCollector(registry=self.registry)
            self._distributions = Distributions()
            self.registry.register(self._distributions)
        else:
            shared.count_here()
            self._distributions = SharedDistributions()
        self._children: dict[tuple[str, str, str, int], _Children] = {}
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
            multiprocess_mode=_GAUGES,
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
            multiprocess_mode=_GAUGES,
        )
        self._rollouts = Gauge(
            "airworthy_rollout_info",
            "1 for every rollout under way",
            ["model", "champion", "challenger", "step"],
            registry=self.registry,
            multiprocess_mode=_GAUGES,
        )
        self._kill_switches = Gauge(
            "airworthy_kill_switch",
            "1 when the champion answers everything",
            ["model"],
            registry=self.registry,
            multiprocess_mode=_GAUGES,
        )
        self._swaps = Counter(
            "airworthy_swaps", "Champions swapped", ["model"], registry=self.registry
        )

    def record_request(
        self,
        loaded: LoadedModel | None,
        arm: str,
        status: int,
        predictions: Sequence[Any],
        started: float,
    ) -> None:
        """Count one scoring request.

        Args:
            loaded: The answering version, if any.
            arm: ``champion``, ``challenger``, ``shadow``, or `NO_VERSION` for administration.
            status: The HTTP status.
            predictions: One per scored row. Those of administration are left out of the
                distributions.
            started: `time.perf_counter` at the request's start, in seconds. A shadow starts with
                its prediction.
        """
        model, version = (loaded.model, loaded.version) if loaded else (NO_VERSION, NO_VERSION)
        key = (model, version, arm, status)
        # To find three metrics by their labels takes longer than to count in them.
        children = self._children.get(key) or self._add_children(key, loaded)
        children.requests.inc()
        if predictions:
            children.rows.inc(len(predictions))
            children.seconds.observe(perf_counter() - started)
            if children.predictions is not None:
                children.predictions.extend(predictions)

    def _add_children(
        self, key: tuple[str, str, str, int], loaded: LoadedModel | None
    ) -> _Children:
        model, version, arm, status = key
        children = self._children[key] = _Children(
            self._requests.labels(model, version, arm, str(status)),
            self._rows.labels(model, version),
            self._seconds.labels(model, version, arm),
            self._distributions.get(loaded, arm) if loaded and arm != NO_VERSION else None,
        )
        return children

    def record_challenger_failure(self, model: str, version: str) -> None:
        """Count a request failed by a challenger and answered by the champion."""
        self._challenger_errors.labels(model, version).inc()

    def record_dropped_shadow(self, loaded: LoadedModel) -> None:
        """Count a shadow dropped by a full queue."""
        self._shadows_dropped.labels(loaded.model, loaded.version).inc()

    def set_rollouts(self, rollouts: dict[str, Rollout]) -> None:
        """Show the running rollouts, by model."""
        running: dict[tuple[str, ...], float] = {
            (model, rollout.champion, rollout.challenger, str(rollout.step)): 1.0
            for model, rollout in rollouts.items()
        }
        self._replace(self._rollouts, running)

    def set_flags(self, kill_switches: dict[str, bool], problems: int) -> None:
        """Show the kill switches by model, and the number of problems in the flag file."""
        self._flag_problems.set(problems)
        switches: dict[tuple[str, ...], float] = {
            (model,): float(is_on) for model, is_on in kill_switches.items()
        }
        self._replace(self._kill_switches, switches)

    def lost_records(self) -> Callable[[], None]:
        """Show the number of answers lost to the log. Return the function to count one."""
        lost = Counter(
            "airworthy_predictions_lost", "Answers that could not be logged", registry=self.registry
        )
        return lost.inc

    def add_version(self, loaded: LoadedModel, role: str) -> None:
        """Show a loaded version in a role: ``champion`` or ``candidate``."""
        self._info.labels(loaded.model, loaded.version, loaded.digest, role).set(1)

    def remove_version(self, loaded: LoadedModel, role: str) -> None:
        """Stop showing a version in a role."""
        self._drop(self._info, (loaded.model, loaded.version, loaded.digest, role))

    def record_swap(self, model: str) -> None:
        """Count a change of champion."""
        self._swaps.labels(model).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format; of several workers, of all of them."""
        return generate_latest(self.registry) if self._shared is None else self._shared.text()

    def _replace(self, gauge: Gauge, shown: dict[tuple[str, ...], float]) -> None:
        """Show these values of a gauge, by their labels, and no others."""
        for sample in next(iter(gauge.collect())).samples:
            labels = tuple(sample.labels.values())
            if labels not in shown:
                self._drop(gauge, labels)
        for labels, value in shown.items():
            gauge.labels(*labels).set(value)

    def _drop(self, gauge: Gauge, labels: tuple[str, ...]) -> None:
        if self._shared is None:
            gauge.remove(*labels)
        else:
            # Files of workers have no way to remove a value.
            gauge.labels(*labels).set(0)
