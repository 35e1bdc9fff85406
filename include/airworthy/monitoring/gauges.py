"""The monitor's gauges for Prometheus: ``<state>/metrics/monitor_<model>.prom``, replaced whole after every decision.

Moments are UNIX times: ages grow between windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge

from airworthy.environment import Environment
from airworthy.handover import DriftDecision
from airworthy.metrics.metric_files import write_metrics
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
    """One gauge's value."""

    name: str
    labels: dict[str, str]
    value: float


def write_gauges(environment: Environment, checks: Checks, decision: DriftDecision) -> Path:
    """Replace a model's gauges and return their file.

    Raises:
        OSError: when it cannot be written.
    """
    registry = CollectorRegistry()
    made = {
        name: Gauge(f"airworthy_monitor_{name}", told, ("model", *labels), registry=registry)
        for name, (told, labels) in GAUGES.items()
    }
    for name, labels, value in samples(checks, decision):
        made[name].labels(model=decision.model, **labels).set(value)
    return write_metrics(environment, f"monitor_{decision.model}", registry.collect())


def samples(checks: Checks, decision: DriftDecision) -> Iterator[Sample]:
    """Return what a window says, as gauges."""
    live, performance = checks.data.window, checks.performance
    version = {"version": decision.champion or ""}
    for check in (checks.skew, checks.drift, performance.label):
        for shift in check.shifts:
            where = {"signal": check.signal, "column": shift.column, "aspect": shift.aspect}
            yield Sample("drift_score", where, shift.effect / shift.threshold)
        yield Sample("drift_importance", {"signal": check.signal}, check.drifted_importance)
    for signal, outcome in decision.signals.items():
        yield Sample(
            "signal", {"signal": signal}, {"fired": 1.0, "quiet": 0.0}.get(outcome, float("nan"))
        )
    for metric, value in performance.metrics.items():
        yield Sample("quality", {"metric": metric, **version}, value)
    if performance.expected is not None:
        yield Sample(
            "quality_expected", {"metric": performance.metric, **version}, performance.expected
        )
    yield Sample("window_end_timestamp_seconds", {}, decision.window_end.timestamp())
    if live.newest is not None:
        yield Sample("newest_row_timestamp_seconds", {}, live.newest.timestamp())
    yield Sample("labels", {}, performance.labels)
    yield Sample("window_rows", {}, live.rows)
    yield Sample("quarantined_rows", {}, live.quarantined)
    for severity in ("critical", "warning"):
        failed = sum(
            not check.success and check.severity == severity for check in checks.data.checks
        )
        yield Sample("failed_checks", {"severity": severity}, failed)
    yield Sample("retraining", {"outcome": decision.outcome}, 1.0)
    yield Sample("rejected_in_a_row", {}, decision.rejected_in_a_row)
