"""The monitor's results in MLflow.

The champion's run gets the reports, and metrics over time. Its registered version gets the latest
decision as a tag.
"""

from __future__ import annotations

from pathlib import Path

from airworthy.handover import DriftDecision
from airworthy.monitoring.build_decision import Checks
from airworthy.registry.registry import Registry
from airworthy.registry.tags import MONITORING


def publish_decision(registry: Registry, checks: Checks, decision: DriftDecision) -> None:
    """Log a window's evidence and metrics to the champion's training run. Idempotent.

    Args:
        registry: The registry.
        checks: The checks on the window.
        decision: The decision. Nothing is logged without a champion.

    Raises:
        TransientError: when MLflow cannot be reached.
    """
    if decision.champion is None:
        return
    client, model = registry.client, decision.model
    run_id = str(registry.version(model, decision.champion).run_id)
    folder = f"monitoring/{decision.window_end:%Y-%m-%dT%H%M}"
    for path in _evidence_files(checks, decision):
        client.log_artifact(run_id, str(path), folder)
    seconds = int(decision.window_end.timestamp())
    for name, value in window_metrics(checks).items():
        client.log_metric(
            run_id, f"monitor_{name}", value, timestamp=seconds * 1000, step=seconds // 3600
        )
    words = f"{decision.window_end:%Y-%m-%d %H:%M} UTC: {decision.outcome}: {decision.told}"
    client.set_model_version_tag(model, decision.champion, MONITORING, words)


def _evidence_files(checks: Checks, decision: DriftDecision) -> list[Path]:
    paths = [
        decision.evidence,
        checks.data.evidence,
        checks.performance.evidence,
        *(path for check in (checks.skew, checks.drift) for path in (check.evidence, check.report)),
    ]
    return [Path(path) for path in paths if path is not None and Path(path).is_file()]


def window_metrics(checks: Checks) -> dict[str, float]:
    """Return a window's rows, its drifted importance, and the champion's metrics and rise."""
    performance = checks.performance
    metrics = {
        "rows": float(checks.data.window.rows),
        "skew_importance": checks.skew.drifted_importance,
        "drift_importance": checks.drift.drifted_importance,
        **performance.metrics,
    }
    return metrics if performance.rise is None else {**metrics, "rise": performance.rise}
