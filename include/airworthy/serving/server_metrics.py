"""The server's Prometheus metrics. Each server has a registry: servers may share a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
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

from airworthy.protocol.contract_check import Outside
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_distribution import Distributions
from airworthy.serving.shared_distribution import CountsPredictions, SharedDistributions
from airworthy.serving.shared_metrics import SharedMetrics
from airworthy.traffic.traffic_state import Rollout

_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)
# A gauge of several workers shows the largest value, or the smallest where that is the worse one.
_LARGEST: Final = "livemax"
_SMALLEST: Final = "livemin"
_REFRESH_SECONDS = 1.0
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
        self._functions: list[tuple[Gauge, Callable[[], float]]] = []
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
            multiprocess_mode=_LARGEST,
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
            multiprocess_mode=_LARGEST,
        )
        self._rollouts = Gauge(
            "airworthy_rollout_info",
            "1 for every rollout under way",
            ["model", "champion", "challenger", "step"],
            registry=self.registry,
            multiprocess_mode=_LARGEST,
        )
        self._kill_switches = Gauge(
            "airworthy_kill_switch",
            "1 when the champion answers everything",
            ["model"],
            registry=self.registry,
            multiprocess_mode=_LARGEST,
        )
        self._swaps = Counter(
            "airworthy_swaps", "Champions swapped", ["model"], registry=self.registry
        )

        rows = ["model", "column", "reason"]
        self._refused_rows = Counter(
            "airworthy_refused_rows",
            "Rows outside their contract in refused requests",
            rows,
            registry=self.registry,
        )
        self._outside_rows = Counter(
            "airworthy_outside_rows",
            "Rows answered although they break an expectation",
            rows,
            registry=self.registry,
        )
        self._entries = Gauge(
            "airworthy_record_entry",
            "Sequence number of the last entry of the ledger that is followed",
            ["model"],
            registry=self.registry,
            multiprocess_mode=_SMALLEST,
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

    def record_outside(self, model: str, outside: Outside) -> None:
        """Count rows outside their contract, by column and reason, refused or answered."""
        if outside.refusal is not None:
            for labels, rows in outside.broken.items():
                self._refused_rows.labels(model, *labels).inc(rows)
            return
        for labels, rows in (*outside.broken.items(), *outside.counted.items()):
            self._outside_rows.labels(model, *labels).inc(rows)

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

    def set_entry(self, model: str, sequence: int) -> None:
        """Show the last entry of a model's ledger that is followed."""
        self._entries.labels(model).set(sequence)

    def register_record(
        self, seen: Callable[[], datetime | None], is_lost: Callable[[], bool]
    ) -> None:
        """Show the last look at the record, read at each scrape. `seen` is in UTC."""
        moment = Gauge(
            "airworthy_record_seen_timestamp_seconds",
            "Time of the last look that reached the record, since 1970 in UTC; 0 before the first",
            registry=self.registry,
            multiprocess_mode=_SMALLEST,
        )
        self._read_later(moment, lambda: at.timestamp() if (at := seen()) else 0.0)
        lost = Gauge(
            "airworthy_record_lost",
            "1 when the last look did not reach the record",
            registry=self.registry,
            multiprocess_mode=_LARGEST,
        )
        self._read_later(lost, lambda: float(is_lost()))

    def lost_records(self) -> Callable[[], None]:
        """Show the number of answers lost to the log. Return the function to count one."""
        lost = Counter(
            "airworthy_predictions_lost", "Answers that could not be logged", registry=self.registry
        )
        return lost.inc

    def show_spool(self, limit: int) -> Callable[[int], None]:
        """Show the spool's limit and its size in bytes. Return the function to set the size."""
        for name, value in (("spool_limit", limit), ("spool", 0)):
            gauge = Gauge(
                f"airworthy_{name}_bytes",
                "Largest size of the prediction log's files on this machine"
                if value
                else "Size of the prediction log's files that were not collected yet",
                registry=self.registry,
                multiprocess_mode=_LARGEST,
            )
            gauge.set(value)
        return gauge.set

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

    async def scrape(self) -> bytes:
        """Return `text`. Files of several workers are read in a thread."""
        return self.text() if self._shared is None else await asyncio.to_thread(self.text)

    async def refresh(self) -> None:
        """Keep the gauges that are read at a scrape up to date for other workers, until cancelled."""
        while self._shared is not None:
            for gauge, function in self._functions:
                gauge.set(function())
            await asyncio.sleep(_REFRESH_SECONDS)

    def _read_later(self, gauge: Gauge, function: Callable[[], float]) -> None:
        if self._shared is None:
            gauge.set_function(function)
        else:
            self._functions.append((gauge, function))

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
