"""Resource usage and outcome of each stage run, for Prometheus, the run's evidence, and the log.

``<state>/metrics/stages_<model>.prom`` counts over all runs.
``resources/<stage>.json`` in the run's evidence has one run. A stage in a container of this machine
writes to the mounted state folder. A pod's counts end with the pod.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from airworthy.days import DAY
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import DatasetRef, StageOutput
from airworthy.job import Job
from airworthy.known_errors import UnexpectedError
from airworthy.metrics.metric_files import add_metrics
from airworthy.metrics.resource_usage import ResourceUsage, measure_usage
from airworthy.metrics.shared_gauges import DATASET, write_gauges

log = logging.getLogger("airworthy.stages")

OUTCOMES = ("success", "terminal", "transient", "error")
_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
_BYTES = tuple(float(2**power) for power in range(27, 37))  # 128 MiB to 64 GiB


@dataclass
class StageRun:
    """One run of a stage. `output` is None until the stage succeeds."""

    output: StageOutput | None = None


@contextmanager
def observe_stage(job: Job, stage: str) -> Iterator[StageRun]:
    """Measure a stage's run and record it, after an error too. A failed record fails no stage."""
    run, usage, outcome = StageRun(), ResourceUsage(), "error"
    try:
        with measure_usage() as usage:
            yield run
        outcome = "success"
    except (TerminalError, TransientError) as error:
        if not isinstance(error, UnexpectedError):
            outcome = "terminal" if isinstance(error, TerminalError) else "transient"
        raise
    finally:
        _log_usage(job.spec.model, stage, usage)
        try:
            _record(job, stage, outcome, usage, run.output)
        except Exception as error:
            log.warning("what the stage took is not recorded: %s", error)


def _log_usage(model: str, stage: str, usage: ResourceUsage) -> None:
    log.info(
        "%s %s took %.1f s, %.1f s of CPU, at most %.0f MiB",
        model,
        stage,
        usage.wall_seconds,
        usage.cpu_seconds,
        usage.peak_memory_bytes / 2**20,
    )


def _record(
    job: Job, stage: str, outcome: str, usage: ResourceUsage, output: StageOutput | None
) -> None:
    model = job.spec.model
    registry = stage_metrics(model, stage, outcome, usage)
    add_metrics(job.environment, f"stages_{model}", registry.collect())
    if isinstance(output, DatasetRef):
        write_gauges(job.environment, model, DATASET, dataset_metrics(output).collect())
    content = {
        "stage": stage,
        "outcome": outcome,
        "ended": datetime.now(UTC).isoformat(),
        **asdict(usage),
    }
    job.evidence.write_json(f"resources/{stage}.json", content)


def stage_metrics(model: str, stage: str, outcome: str, usage: ResourceUsage) -> CollectorRegistry:
    """Return the metrics of one run.

    Args:
        model: The model.
        stage: The stage.
        outcome: One of `OUTCOMES`.
        usage: Its resource usage.
    """
    registry, labels = CollectorRegistry(), ("model", "stage")
    runs = Counter(
        "airworthy_stage_runs", "Runs by outcome", (*labels, "outcome"), registry=registry
    )
    for each in OUTCOMES:
        # All outcomes are exported, with 0 at first: a first failure is then a rise, no new series.
        runs.labels(model, stage, each).inc(each == outcome)
    _usage_metrics(registry, model, stage, usage)
    ended = Gauge(
        "airworthy_stage_last_end_timestamp_seconds",
        "When a run last ended so",
        (*labels, "outcome"),
        registry=registry,
    )
    ended.labels(model, stage, outcome).set(time.time())
    return registry


def _usage_metrics(
    registry: CollectorRegistry, model: str, stage: str, usage: ResourceUsage
) -> None:
    labels = ("model", "stage")
    for name, text, value, buckets in (
        ("wall_seconds", "Seconds from begin to end", usage.wall_seconds, _SECONDS),
        ("cpu_seconds", "Seconds of processors", usage.cpu_seconds, _SECONDS),
        (
            "peak_memory_bytes",
            "The process's largest resident set meanwhile",
            usage.peak_memory_bytes,
            _BYTES,
        ),
    ):
        histogram = Histogram(
            f"airworthy_stage_{name}", text, labels, buckets=buckets, registry=registry
        )
        histogram.labels(model, stage).observe(value)
        last = Gauge(
            f"airworthy_stage_last_{name}", f"{text}, of the last run", labels, registry=registry
        )
        last.labels(model, stage).set(value)


def dataset_metrics(dataset: DatasetRef) -> CollectorRegistry:
    """Return the metrics of the dataset version that was ingested last."""
    registry = CollectorRegistry()
    end = datetime.fromisoformat(max(dataset.partitions)).replace(tzinfo=UTC) + DAY
    for name, text, value in (
        ("rows", "Rows of the window that was ingested last", dataset.rows),
        ("quarantined_rows", "Rows of that window that could not be used", dataset.quarantined),
        (
            "end_timestamp_seconds",
            "End of the newest day with rows that was ingested",
            end.timestamp(),
        ),
    ):
        gauge = Gauge(f"airworthy_dataset_{name}", text, ("model",), registry=registry)
        gauge.labels(dataset.model).set(value)
    return registry
