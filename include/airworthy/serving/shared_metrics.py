"""Metrics of several worker processes, shown as those of one server.

Each worker counts in files of its own in one folder, by prometheus_client's multiprocess mode. The
kernel has each count at once, so a worker that is killed loses none. The worker that takes its
place goes on with the same files: counters never go down, and restarts add no files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from airworthy.serving.prediction_distribution import VALUES

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_INFO = "_info"


@dataclass(frozen=True)
class SharedMetrics(Collector):
    """The metrics of all workers of one server.

    Attributes:
        folder: The folder of the workers' files.
        worker: The number of this worker. No other running worker has it.
        supervisor: The process id of the workers' parent.
    """

    folder: Path
    worker: int
    supervisor: int

    def count_here(self) -> None:
        """Have this process count in the folder. Call it before the first metric is made."""
        os.environ[_FOLDER_VARIABLE] = str(self.folder)
        values.ValueClass = values.MultiProcessValue(lambda: self.worker)

    def text(self) -> bytes:
        """Return the metrics of all workers in Prometheus' text format. Reads files."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of all workers."""
        # An empty file is one that a worker is making at this moment.
        files = [str(path) for path in self.folder.glob("*.db") if _size(path)]
        for metric in MultiProcessCollector.merge(files):
            yield _as_of_one_process(metric)
        yield from _process_metrics(self.supervisor)


def forget_gauges(folder: Path, worker: int) -> None:
    """Remove the gauges of a worker that has ended. Its counters stay."""
    mark_process_dead(worker, str(folder))


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _as_of_one_process(metric: Metric) -> Metric:
    """Return a metric as one process shows it."""
    if metric.name == VALUES:
        metric.samples = _values_of_one_process(metric.samples)
    elif metric.name.endswith(_INFO):
        # A fact that is over stays in the file, as 0.
        metric.samples = [each for each in metric.samples if each.value]
    return metric


def _values_of_one_process(samples: list[Sample]) -> list[Sample]:
    """Return our own histogram with bounds in its own notation.

    Prometheus' histograms with negative values have no sum.
    """
    bounds = [each for each in samples if "le" in each.labels]
    negative = {_labels(each) for each in bounds if each.labels["le"].startswith("-")}
    others = [each for each in samples if "le" not in each.labels and _labels(each) not in negative]
    return [*map(_with_own_notation, bounds), *others]


def _labels(sample: Sample) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in sample.labels.items() if name != "le")


def _with_own_notation(sample: Sample) -> Sample:
    bound = sample.labels["le"]
    text = bound if bound == "+Inf" else str(float(bound))
    return sample._replace(labels={**sample.labels, "le": text})


def _process_metrics(supervisor: int) -> Iterator[Metric]:
    """Return what prometheus_client's `ProcessCollector` has of one process, of all of them.

    The CPU time has the time of workers that have ended.
    """
    parent = psutil.Process(supervisor)
    cpu, resident, virtual, descriptors = sum(parent.cpu_times()[:4]), 0, 0, 0
    for process in (parent, *parent.children()):
        with suppress(psutil.NoSuchProcess), process.oneshot():
            memory, times = process.memory_info(), process.cpu_times()
            resident += memory.rss
            virtual += memory.vms
            descriptors += process.num_fds()
            cpu += 0.0 if process is parent else times.user + times.system
    yield CounterMetricFamily(
        "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", cpu
    )
    for name, help_text, value in (
        ("virtual_memory_bytes", "Virtual memory size in bytes.", virtual),
        ("resident_memory_bytes", "Resident memory size in bytes.", resident),
        ("open_fds", "Number of open file descriptors.", descriptors),
        (
            "start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            parent.create_time(),
        ),
    ):
        yield GaugeMetricFamily(f"process_{name}", help_text, value)
