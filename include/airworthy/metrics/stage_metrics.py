"""What each run of a stage took and came to, for Prometheus, for the run's evidence, and for the task's log.

``<state>/metrics/stages_<model>.prom`` counts over all runs; ``<evidence>/<model>/<run>/resources/<stage>.json`` is one
run's. A stage in a container writes to the state folder that the container was given.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from airworthy.days import DAY
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import DatasetRef, Ref
from airworthy.job import Job
from airworthy.metrics.metric_files import add_metrics
from airworthy.metrics.resource_usage import Usage, measured

log = logging.getLogger("airworthy.stages")

OUTCOMES = ("success", "terminal", "transient", "error")
_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
_BYTES = tuple(float(2**power) for power in range(27, 37))  # 128 MiB to 64 GiB


@dataclass
class StageRun:
    """One run of a stage; `output` is what it handed over, once it did."""

    output: Ref | None = None


@contextmanager
def observed(job: Job, stage: str) -> Iterator[StageRun]:
    """Measure a stage's run and record it, however it ends. A record that cannot be kept fails no stage."""
    run, usage, outcome = StageRun(), Usage(), "error"
    try:
        with measured() as usage:
            yield run
        outcome = "success"
    except (TerminalError, TransientError) as error:
        outcome = "terminal" if isinstance(error, TerminalError) else "transient"
        raise
    finally:
        log.info(
            "%s %s took %.1f s, %.1f s of CPU, at most %.0f MiB",
            job.spec.model,
            stage,
            usage.wall_seconds,
            usage.cpu_seconds,
            usage.peak_memory_bytes / 2**20,
        )
        try:
            _record(job, stage, outcome, usage, run.output)
        except (OSError, TimeoutError) as error:
            log.warning("what the stage took is not recorded: %s", error)


def _record(job: Job, stage: str, outcome: str, usage: Usage, output: Ref | None) -> None:
    name = f"stages_{job.spec.model}"
    add_metrics(
        job.environment,
        name,
        stage_metrics(job.spec.model, stage, outcome, usage, output).collect(),
    )
    folder = job.evidence / "resources"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "stage": stage,
        "outcome": outcome,
        "ended": datetime.now(UTC).isoformat(),
        **asdict(usage),
    }
    (folder / f"{stage}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def stage_metrics(
    model: str, stage: str, outcome: str, usage: Usage, output: Ref | None
) -> CollectorRegistry:
    """Return the metrics of one run.

    Args:
        model: The model.
        stage: The stage.
        outcome: One of `OUTCOMES`.
        usage: What it took.
        output: What it handed over, if it did.
    """
    registry, labels = CollectorRegistry(), ("model", "stage")
    runs = Counter(
        "airworthy_stage_runs", "Runs by outcome", (*labels, "outcome"), registry=registry
    )
    for each in OUTCOMES:
        # Those that did not happen are there with 0: the first failure is then a rise, and not a new series.
        runs.labels(model, stage, each).inc(each == outcome)
    for name, told, value, buckets in (
        ("wall_seconds", "Seconds from begin to end", usage.wall_seconds, _SECONDS),
        ("cpu_seconds", "Seconds of processors", usage.cpu_seconds, _SECONDS),
        (
            "peak_memory_bytes",
            "The process's largest resident set meanwhile",
            usage.peak_memory_bytes,
            _BYTES,
        ),
    ):
        whole = Histogram(
            f"airworthy_stage_{name}", told, labels, buckets=buckets, registry=registry
        )
        whole.labels(model, stage).observe(value)
        last = Gauge(
            f"airworthy_stage_last_{name}", f"{told}, of the last run", labels, registry=registry
        )
        last.labels(model, stage).set(value)
    ended = Gauge(
        "airworthy_stage_last_end_timestamp_seconds",
        "When a run last ended so",
        (*labels, "outcome"),
        registry=registry,
    )
    ended.labels(model, stage, outcome).set(time.time())
    if isinstance(output, DatasetRef):
        _dataset_metrics(registry, output)
    return registry


def _dataset_metrics(registry: CollectorRegistry, dataset: DatasetRef) -> None:
    newest = datetime.fromisoformat(max(dataset.partitions)).replace(tzinfo=UTC) + DAY
    for name, told, value in (
        ("rows", "Rows of the window that was ingested last", dataset.rows),
        ("quarantined_rows", "Rows of that window that could not be used", dataset.quarantined),
        (
            "end_timestamp_seconds",
            "End of the newest day with rows that was ingested",
            newest.timestamp(),
        ),
    ):
        Gauge(f"airworthy_dataset_{name}", told, ("model",), registry=registry).labels(
            dataset.model
        ).set(value)
