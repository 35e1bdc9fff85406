"""Metrics in files: counts go on for any writer, and a broken file harms nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from airworthy.environment import Environment
from airworthy.metrics.metric_files import add_metrics, read_metrics, sum_metrics

from .samples import samples


def run_of(seconds: float, stamp: float = 1.0) -> CollectorRegistry:
    """Metrics of one run: a counter, a histogram, a gauge, a moment."""
    registry = CollectorRegistry()
    Counter("runs", "Runs", registry=registry).inc()
    Histogram("took_seconds", "Seconds", buckets=(1.0, 10.0), registry=registry).observe(seconds)
    Gauge("last_seconds", "Seconds", registry=registry).set(seconds)
    Gauge("end_timestamp_seconds", "End", registry=registry).set(stamp)
    return registry


def test_counts_go_on_from_process_to_process(environment: Environment) -> None:
    """Counters and histograms add up, a gauge is the last run's, a moment never goes back."""
    for seconds, stamp in ((0.5, 7.0), (5.0, 9.0), (50.0, 8.0)):
        path = add_metrics(environment, "some", run_of(seconds, stamp).collect())
    assert samples(path) == {
        ("runs_total",): 3.0,
        ("took_seconds_bucket", "1.0"): 1.0,
        ("took_seconds_bucket", "10.0"): 2.0,
        ("took_seconds_bucket", "+Inf"): 3.0,
        ("took_seconds_count",): 3.0,
        ("took_seconds_sum",): 55.5,
        ("last_seconds",): 50.0,
        ("end_timestamp_seconds",): 9.0,
    }


WRITER = """
from prometheus_client import CollectorRegistry, Counter
from airworthy.environment import load_environment
from airworthy.metrics.metric_files import add_metrics
registry = CollectorRegistry()
Counter("runs", "Runs", registry=registry).inc()
for _ in range(50):
    add_metrics(load_environment(), "some", registry.collect())
"""


def test_writers_at_once_lose_nothing(environment: Environment) -> None:
    """Four processes add to one file at once: all are counted, and a reader never sees half a file."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER]) for _ in range(4)]
    path, highest = environment.state / "metrics" / "some.prom", 0.0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            now = samples(path)[("runs_total",)]
            assert now >= highest
            highest = now
    assert [writer.returncode for writer in writers] == [0] * 4
    assert samples(path) == {("runs_total",): 200.0}


@pytest.mark.parametrize(
    "broken", [b"", b"\xff\xfe", b"runs_total{ 1\n", b'{"json": 1}', b"runs_total one\n"]
)
def test_a_broken_file_begins_anew(environment: Environment, broken: bytes) -> None:
    """A broken file stops no stage: new counts replace it."""
    path = add_metrics(environment, "some", run_of(0.5).collect())
    path.write_bytes(broken)
    add_metrics(environment, "some", run_of(0.5).collect())
    assert samples(path)[("runs_total",)] == 1.0


def test_sets_of_metrics_are_added_as_one() -> None:
    """However many sets there are, and whichever series each has: nothing is counted twice, nothing
    is left out.
    """
    values = {
        sample.name: sample.value
        for family in sum_metrics(*(run_of(0.5).collect() for _ in range(5)))
        for sample in family.samples
        if sample.name in ("runs_total", "took_seconds_count", "last_seconds")
    }
    assert values == {"runs_total": 5.0, "took_seconds_count": 5.0, "last_seconds": 0.5}


def test_a_metric_that_became_another_kind_begins_anew(environment: Environment) -> None:
    """After an upgrade with another kind of a metric, the new kind holds."""
    registry = CollectorRegistry()
    Gauge("runs", "Runs", registry=registry).set(9)
    add_metrics(environment, "some", registry.collect())
    assert samples(add_metrics(environment, "some", run_of(0.5).collect()))[("runs_total",)] == 1.0


@given(
    st.text(max_size=60)
    | st.from_regex(r"[a-z_]{1,5}\{?[a-z=\",]{0,9}\}? ?[0-9+Inf.eE-]{0,5}\n#? ?[A-Z a-z]{0,9}")
)
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No content of a file escapes as another error."""
    path = Path(tmp_path_factory.getbasetemp()) / "any.prom"
    path.write_text(text, encoding="utf-8")
    try:
        read_metrics(path)
    except ValueError:
        return
