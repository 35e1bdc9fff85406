"""The monitor's gauges for Prometheus, in one file in its text format that is replaced whole after every decision.

``<state>/metrics/<model>.json`` holds the last numbers of each model, ``<state>/metrics/airworthy_monitor.prom`` all of
them: for the node exporter's textfile collector, or to be served. Moments are UNIX times: ages grow between windows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airworthy.environment import Environment
from airworthy.handover import DriftDecision
from airworthy.monitoring.making import Checks

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

TEXTFILE = "airworthy_monitor.prom"
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "drift_score": ("How far a column has moved, in multiples of its threshold.", ("signal", "column", "aspect")),
    "drift_importance": ("Share of the champion's gain that the drifted columns carry.", ("signal",)),
    "signal": ("1 fired, 0 quiet, NaN inconclusive.", ("signal",)),
    "quality": ("The champion's metrics on the newest window whose labels are known.", ("metric", "version")),
    "quality_expected": ("What the champion's holdout promised for that window.", ("metric", "version")),
    "labels": ("Labels of that window.", ()),
    "champion_as_of_timestamp_seconds": ("Up to when the champion's training saw data.", ("version",)),
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


def metrics_folder(environment: Environment) -> Path:
    """Return the folder of the gauges."""
    return environment.state / "metrics"


def write_gauges(environment: Environment, checks: Checks, decision: DriftDecision) -> Path:
    """Keep a model's gauges and write those of all models; return the file."""
    from prometheus_client import write_to_textfile

    folder = metrics_folder(environment)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{decision.model}.{os.getpid()}.part"
    partial.write_text(json.dumps(list(samples(checks, decision))), encoding="utf-8")
    partial.replace(folder / f"{decision.model}.json")
    write_to_textfile(str(folder / TEXTFILE), gauges(environment))
    return folder / TEXTFILE


def gauges(environment: Environment) -> CollectorRegistry:
    """Return the last gauges of every model, for whoever serves them."""
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()
    made = {
        name: Gauge(f"airworthy_monitor_{name}", told, ("model", *labels), registry=registry)
        for name, (told, labels) in GAUGES.items()
    }
    for path in sorted(metrics_folder(environment).glob("*.json")):
        for name, labels, value in json.loads(path.read_text(encoding="utf-8")):
            if name in made:
                made[name].labels(model=path.stem, **labels).set(value)
    return registry


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
        yield Sample("signal", {"signal": signal}, {"fired": 1.0, "quiet": 0.0}.get(outcome, float("nan")))
    for metric, value in performance.metrics.items():
        yield Sample("quality", {"metric": metric, **version}, value)
    if performance.expected is not None:
        yield Sample("quality_expected", {"metric": performance.metric, **version}, performance.expected)
    yield from _moments(decision, live.newest, version)
    yield Sample("labels", {}, performance.labels)
    yield Sample("window_rows", {}, live.rows)
    yield Sample("quarantined_rows", {}, live.quarantined)
    for severity in ("critical", "warning"):
        failed = sum(not check.success and check.severity == severity for check in checks.data.checks)
        yield Sample("failed_checks", {"severity": severity}, failed)
    yield Sample("retraining", {"outcome": decision.outcome}, 1.0)
    yield Sample("rejected_in_a_row", {}, decision.rejected_in_a_row)


def _moments(decision: DriftDecision, newest: datetime | None, version: dict[str, str]) -> Iterator[Sample]:
    yield Sample("window_end_timestamp_seconds", {}, decision.window_end.timestamp())
    if decision.champion_as_of is not None:
        yield Sample("champion_as_of_timestamp_seconds", version, decision.champion_as_of.timestamp())
    if newest is not None:
        yield Sample("newest_row_timestamp_seconds", {}, newest.timestamp())
