"""The monitor's gauges for Prometheus, beside the lake; see `shared_gauges`.

They are replaced whole after every decision. Moments are UNIX times: ages grow between windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge

from airworthy.environment import Environment
from airworthy.handover import DataCheck, DriftDecision, PerformanceCheck
from airworthy.metrics.shared_gauges import MONITOR, write_gauges
from airworthy.monitoring.build_decision import Checks

GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "drift_score": (
        "How far a column has moved, in multiples of its threshold.",
        ("signal", "column", "aspect"),
    ),
    "drift_importance": (
        "Share of the champion's gain that the drifted columns carry.",
        ("signal",),
    ),
    "signal": ("1 fired, 0 quiet, NaN inconclusive.", ("signal",)),
    "quality": (
        "The champion's metrics on the newest window whose labels are known.",
        ("metric", "version"),
    ),
    "quality_expected": (
        "What the champion's holdout promised for that window.",
        ("metric", "version"),
    ),
    "labels": ("Labels of that window.", ()),
    "newest_row_timestamp_seconds": ("Time of production's newest row.", ()),
    "window_end_timestamp_seconds": ("End of the last window that was looked at.", ()),
    "window_rows": ("Rows of that window.", ()),
    "quarantined_rows": ("Rows of that window that could not be used.", ()),
    "failed_checks": ("Expectations that the window's inputs broke.", ("severity",)),
    "retraining": ("1 for what the last decision came to.", ("outcome",)),
    "rejected_in_a_row": ("How many of the newest challengers were refused.", ()),
}


class Sample(NamedTuple):
    """The value of one gauge."""

    name: str
    labels: dict[str, str]
    value: float


def write_window(environment: Environment, checks: Checks, decision: DriftDecision) -> None:
    """Replace a model's gauges.

    Args:
        environment: Gives the lake.
        checks: The checks on the window.
        decision: The decision.

    Raises:
        TransientError: when the object store cannot be reached.
    """
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(f"airworthy_monitor_{name}", text, ("model", *labels), registry=registry)
        for name, (text, labels) in GAUGES.items()
    }
    for name, labels, value in samples(checks, decision):
        gauges[name].labels(model=decision.model, **labels).set(value)
    write_gauges(environment, decision.model, MONITOR, registry.collect())


def samples(checks: Checks, decision: DriftDecision) -> Iterator[Sample]:
    """Yield a window's results as gauges."""
    yield from _signal_samples(checks, decision)
    yield from _performance_samples(checks.performance, decision.champion or "")
    yield from _data_samples(checks.data)
    yield Sample("window_end_timestamp_seconds", {}, decision.window_end.timestamp())
    yield Sample("retraining", {"outcome": decision.outcome}, 1.0)
    yield Sample("rejected_in_a_row", {}, decision.rejected_in_a_row)


def _signal_samples(checks: Checks, decision: DriftDecision) -> Iterator[Sample]:
    for check in (checks.skew, checks.drift, checks.performance.label):
        for shift in check.shifts:
            labels = {"signal": check.signal, "column": shift.column, "aspect": shift.aspect}
            yield Sample("drift_score", labels, shift.effect / shift.threshold)
        yield Sample("drift_importance", {"signal": check.signal}, check.drifted_importance)
    for signal, outcome in decision.signals.items():
        value = {"fired": 1.0, "quiet": 0.0}.get(outcome, float("nan"))
        yield Sample("signal", {"signal": signal}, value)


def _performance_samples(performance: PerformanceCheck, version: str) -> Iterator[Sample]:
    for metric, value in performance.metrics.items():
        yield Sample("quality", {"metric": metric, "version": version}, value)
    if performance.expected is not None:
        labels = {"metric": performance.metric, "version": version}
        yield Sample("quality_expected", labels, performance.expected)
    yield Sample("labels", {}, performance.labels)


def _data_samples(data: DataCheck) -> Iterator[Sample]:
    if data.window.newest is not None:
        yield Sample("newest_row_timestamp_seconds", {}, data.window.newest.timestamp())
    yield Sample("window_rows", {}, data.window.rows)
    yield Sample("quarantined_rows", {}, data.window.quarantined)
    for severity in ("critical", "warning"):
        failed = sum(not check.success and check.severity == severity for check in data.checks)
        yield Sample("failed_checks", {"severity": severity}, failed)
