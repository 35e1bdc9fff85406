"""The server's Prometheus metrics, in a registry of their own so that several servers may share a process."""

from __future__ import annotations

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from airworthy.serving.loaded import LoadedModel

_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)
NOBODY = "none"


class Metrics:
    """What the server counts. Labels of requests that no version answered are ``none``."""

    def __init__(self) -> None:
        """Make the metrics, all at zero."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["model", "version"]
        self._requests = Counter(
            "airworthy_requests", "Scoring requests by answer", [*labels, "status"], registry=self.registry
        )
        self._rows = Counter("airworthy_rows", "Rows scored", labels, registry=self.registry)
        self._seconds = Histogram(
            "airworthy_request_seconds", "Seconds from the request's head to its answer", labels,
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._info = Gauge(
            "airworthy_version_info", "1 for every loaded version", [*labels, "digest", "role"], registry=self.registry
        )
        self._swaps = Counter("airworthy_swaps", "Champions swapped", ["model"], registry=self.registry)

    def answered(self, loaded: LoadedModel | None, status: int, rows: int, started: float) -> None:
        """Count one scoring request.

        Args:
            loaded: The version that answered, if one did.
            status: The HTTP status.
            rows: How many rows were scored.
            started: `time.perf_counter` at the request's start, in seconds.
        """
        model, version = (loaded.model, loaded.version) if loaded else (NOBODY, NOBODY)
        self._requests.labels(model, version, str(status)).inc()
        if rows:
            self._rows.labels(model, version).inc(rows)
            self._seconds.labels(model, version).observe(perf_counter() - started)

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
