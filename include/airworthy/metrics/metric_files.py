"""Metric files: ``<state>/metrics/*.prom``, in Prometheus' text format.

Each file has one writer at a time and is replaced whole, so a reader never sees half a file. Counts
continue after the process that wrote them has ended. The folder also works for the node exporter's
textfile collector. A machine's files have the counts of that machine: each machine serves its own,
and Prometheus adds them up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from filelock import FileLock
from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from airworthy.environment import Environment

log = logging.getLogger("airworthy.metrics")

SUFFIX = ".prom"
_LOCK_SECONDS = 10.0
_Key = tuple[str, tuple[tuple[str, str], ...]]


class FixedCollector(Collector):
    """Metrics with known values."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self._families


def metrics_folder(environment: Environment) -> Path:
    """Return the folder of the metric files."""
    return environment.state / "metrics"


def write_metrics(environment: Environment, name: str, families: Iterable[Metric]) -> Path:
    """Replace a metric file and return its path.

    Args:
        environment: The environment.
        name: The file's name without suffix.
        families: The metrics.

    Raises:
        OSError: when the file cannot be written.
    """
    folder = metrics_folder(environment)
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    registry.register(FixedCollector(without_created_samples(families)))
    path = folder / f"{name}{SUFFIX}"
    write_to_textfile(str(path), registry)
    return path


def add_metrics(environment: Environment, name: str, families: Iterable[Metric]) -> Path:
    """Add metrics to those of a file and return its path. Gauges take the new value.

    A gauge with a name ending in ``_timestamp_seconds`` never goes back. An unreadable file starts
    anew. Several processes may add at once.

    Args:
        environment: The environment.
        name: The file's name without suffix.
        families: The metrics to add.

    Raises:
        OSError: when the file cannot be written, or others keep it locked.
    """
    environment.locks.mkdir(parents=True, exist_ok=True)
    with FileLock(environment.locks / f"metrics-{name}.lock", timeout=_LOCK_SECONDS):
        path = metrics_folder(environment) / f"{name}{SUFFIX}"
        before: list[Metric] = []
        if path.exists():
            try:
                before = read_metrics(path)
            except (OSError, ValueError) as error:
                log.warning("%s cannot be read, its counts begin anew: %s", path, error)
        total = sum_metrics(before, without_created_samples(families))
        return write_metrics(environment, name, total)


def read_metrics(path: Path) -> list[Metric]:
    """Return the metrics of a file.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is not in Prometheus' text format.
    """
    return parse_metrics(path.read_text(encoding="utf-8"))


def parse_metrics(text: str) -> list[Metric]:
    """Return the metrics of a text.

    Raises:
        ValueError: when it is not in Prometheus' text format.
    """
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        raise
    except Exception as error:
        # The parser expects correct text. On other text it raises errors of various types.
        raise ValueError(f"this is not Prometheus' text format: {error!r}") from error


def sum_metrics(*sets: Iterable[Metric]) -> list[Metric]:
    """Return the sum of sets of metrics, the newest last.

    A metric with another type than before starts anew.

    >>> from prometheus_client.core import CounterMetricFamily
    >>> [total] = sum_metrics(*([CounterMetricFamily("runs", "Runs", value=1)] for _ in range(2)))
    >>> total.samples[0].value
    2
    """
    sums: dict[str, _Sum] = {}
    for family in chain(*sets):
        total = sums.get(family.name)
        if total is None or total.family.type != family.type:
            total = sums[family.name] = _Sum(family)
        for sample in family.samples:
            total.add(sample)
    return [total.metric() for total in sums.values()]


class _Sum:
    def __init__(self, family: Metric) -> None:
        self.family = family
        self._never_goes_back = family.name.endswith("_timestamp_seconds")
        self._samples: dict[_Key, Sample] = {}

    def add(self, sample: Sample) -> None:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        before = self._samples.get(key)
        if before is not None and self.family.type != "gauge":
            sample = sample._replace(value=before.value + sample.value)
        elif before is not None and self._never_goes_back:
            sample = sample._replace(value=max(before.value, sample.value))
        self._samples[key] = sample

    def metric(self) -> Metric:
        metric = Metric(self.family.name, self.family.documentation, self.family.type)
        metric.samples = list(self._samples.values())
        return metric


def without_created_samples(families: Iterable[Metric]) -> Iterator[Metric]:
    """Yield the metrics without ``_created`` samples: they mean nothing for a short process."""
    for family in families:
        metric = Metric(family.name, family.documentation, family.type)
        metric.samples = [
            sample for sample in family.samples if not sample.name.endswith("_created")
        ]
        if metric.samples:
            yield metric
