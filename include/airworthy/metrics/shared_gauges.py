"""Gauges that have one value for all machines, beside the lake: ``<lake>/<model>/metrics/*.prom``.

They are those of a model's newest dataset and of its monitor's newest window. In a file of the
machine that measured them, an old value would stay when another machine measures the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.metrics.metric_files import FixedCollector, parse_metrics, sum_metrics
from airworthy.object_store import open_store

log = logging.getLogger("airworthy.metrics")

DATASET, MONITOR = "dataset", "monitor"
# The names of their metrics. Files of versions before 0.3.0 have them too; those are out of date.
PREFIXES = ("airworthy_dataset_", "airworthy_monitor_")


def write_gauges(
    environment: Environment, model: str, name: str, families: Iterable[Metric]
) -> None:
    """Replace a model's gauges.

    Args:
        environment: Gives the lake.
        model: The model.
        name: `DATASET` or `MONITOR`.
        families: The gauges.

    Raises:
        TransientError: when the object store cannot be reached.
    """
    registry = CollectorRegistry()
    registry.register(FixedCollector(families))
    store = open_store(environment.beside_lake(model, "metrics"))
    store.write(f"{name}.prom", generate_latest(registry))


class SharedGauges(Collector):
    """The gauges of every model, as of the last poll."""

    def __init__(self, environment: Environment) -> None:
        """Start without metrics, until the first `poll`."""
        self._environment = environment
        self._metrics: list[Metric] = []

    def poll(self) -> None:
        """Read the gauges of all models with a spec. Unreadable ones are left out."""
        models = [path.parent.name for path in self._environment.models.glob("*/model.yaml")]
        self._metrics = sum_metrics(*map(self._read, sorted(models)))

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last poll."""
        yield from self._metrics

    def _read(self, model: str) -> list[Metric]:
        store = open_store(self._environment.beside_lake(model, "metrics"))
        families: list[Metric] = []
        try:
            for name in (DATASET, MONITOR):
                stored = store.read(f"{name}.prom")
                if stored is not None:
                    families += parse_metrics(stored.content.decode())
        except (AirworthyError, ValueError) as error:
            log.warning("%s: the gauges cannot be read: %s", model, error)
        return families
