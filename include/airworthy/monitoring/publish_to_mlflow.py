"""What MLflow shows of the monitor: with the champion's run, reports and metrics over time; with its version, the last
word.
"""

from __future__ import annotations

from pathlib import Path

from airworthy.handover import DriftDecision
from airworthy.monitoring.build_decision import Checks
from airworthy.registry.registry import Registry
from airworthy.registry.tags import MONITORING


def publish(registry: Registry, checks: Checks, decision: DriftDecision) -> None:
    """Log a window's evidence and metrics to the run that trained the champion. Doing so again changes nothing.

    Raises:
        TransientError: when MLflow cannot be reached.
    """
    if decision.champion is None:
        return
    client, model = registry.client, decision.model
    run_id = str(registry.version(model, decision.champion).run_id)
    folder = f"monitoring/{decision.window_end:%Y-%m-%dT%H%M}"
    for path in _evidence(checks, decision):
        client.log_artifact(run_id, str(path), folder)
    at = int(decision.window_end.timestamp())
    for name, value in monitored_metrics(checks).items():
        client.log_metric(run_id, f"monitor_{name}", value, timestamp=at * 1000, step=at // 3600)
    told = f"{decision.window_end:%Y-%m-%d %H:%M} UTC: {decision.outcome}: {decision.told}"
    client.set_model_version_tag(model, decision.champion, MONITORING, told)


def _evidence(checks: Checks, decision: DriftDecision) -> list[Path]:
    named = [
        decision.evidence,
        checks.data.evidence,
        checks.performance.evidence,
        *(path for check in (checks.skew, checks.drift) for path in (check.evidence, check.report)),
    ]
    return [Path(path) for path in named if path is not None and Path(path).is_file()]


def monitored_metrics(checks: Checks) -> dict[str, float]:
    """Return the numbers that are worth a curve: rows, drifted importance, the champion's metrics, their rise."""
    performance = checks.performance
    found = {
        "rows": float(checks.data.window.rows),
        "skew_importance": checks.skew.drifted_importance,
        "drift_importance": checks.drift.drifted_importance,
        **performance.metrics,
    }
    return found if performance.rise is None else {**found, "rise": performance.rise}
