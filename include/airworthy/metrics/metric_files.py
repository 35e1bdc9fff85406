"""Metrics in files: ``<state>/metrics/*.prom``, in Prometheus' text format.

Each file has one writer at a time and is replaced whole, so a reader never sees half of one, and what is counted in it
goes on where a process that ended has left it. The folder also suits the node exporter's textfile collector.
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
_PATIENCE_SECONDS = 10.0
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Families(Collector):
    """Metrics that are known already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        """Keep them."""
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """Return them."""
        yield from self._families


def metrics_folder(environment: Environment) -> Path:
    """Return the folder of the files."""
    return environment.state / "metrics"


def write_metrics(environment: Environment, name: str, families: Iterable[Metric]) -> Path:
    """Replace the file `name` (without suffix) and return its path.

    Raises:
        OSError: when it cannot be written.
    """
    folder = metrics_folder(environment)
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    registry.register(Families(without_births(families)))
    path = folder / f"{name}{SUFFIX}"
    write_to_textfile(str(path), registry)
    return path


def add_metrics(environment: Environment, name: str, families: Iterable[Metric]) -> Path:
    """Add to what the file `name` (without suffix) counts and return its path; of gauges, the new value holds.

    A gauge that ends with ``_timestamp_seconds`` only goes forward. A file that cannot be read begins anew. Several
    processes may do this at once.

    Raises:
        OSError: when it cannot be written, or others kept it locked.
    """
    environment.locks.mkdir(parents=True, exist_ok=True)
    with FileLock(environment.locks / f"metrics-{name}.lock", timeout=_PATIENCE_SECONDS):
        path = metrics_folder(environment) / f"{name}{SUFFIX}"
        before: list[Metric] = []
        if path.exists():
            try:
                before = read_metrics(path)
            except (OSError, ValueError) as error:
                log.warning("%s cannot be read, its counts begin anew: %s", path, error)
        return write_metrics(environment, name, added(before, without_births(families)))


def read_metrics(path: Path) -> list[Metric]:
    """Read a file.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it is not in Prometheus' text format.
    """
    try:
        return list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except ValueError:
        raise
    except Exception as error:
        # The parser takes its text to be right: what it stumbles over differs.
        raise ValueError(f"this is not Prometheus' text format: {error!r}") from error


def added(*sets: Iterable[Metric]) -> list[Metric]:
    """Return the sum of sets of metrics, the newest last; a metric that has become another kind begins anew."""
    sums: dict[str, _Sum] = {}
    for family in chain(*sets):
        known = sums.get(family.name)
        if known is None or known.family.type != family.type:
            known = sums[family.name] = _Sum(family)
        for sample in family.samples:
            known.add(sample)
    return [known.metric() for known in sums.values()]


class _Sum:
    def __init__(self, family: Metric) -> None:
        self.family = family
        self._forward = family.name.endswith("_timestamp_seconds")
        self._samples: dict[_Key, Sample] = {}

    def add(self, sample: Sample) -> None:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        known = self._samples.get(key)
        if known is not None and self.family.type != "gauge":
            sample = sample._replace(value=known.value + sample.value)
        elif known is not None and self._forward:
            sample = sample._replace(value=max(known.value, sample.value))
        self._samples[key] = sample

    def metric(self) -> Metric:
        metric = Metric(self.family.name, self.family.documentation, self.family.type)
        metric.samples = list(self._samples.values())
        return metric


def without_births(families: Iterable[Metric]) -> Iterator[Metric]:
    """Leave out when each series was made: of a process that ends at once this says nothing."""
    for family in families:
        kept = Metric(family.name, family.documentation, family.type)
        kept.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        if kept.samples:
            yield kept
