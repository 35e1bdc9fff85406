"""The monitor's results in MLflow.

The champion's run gets the reports, and metrics over time. Its registered version gets the latest
decision as a tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from airworthy.handover import DriftDecision
from airworthy.job import Job
from airworthy.monitoring.build_decision import Checks
from airworthy.registry.registry import Registry
from airworthy.registry.run_files import MONITORING_FILES, WINDOW_FORMAT
from airworthy.registry.tags import MONITORING


def publish_decision(job: Job, registry: Registry, checks: Checks, decision: DriftDecision) -> None:
    """Log a window's evidence and metrics to the champion's training run. Idempotent.

    Args:
        job: The run. The checks may have run on other machines: their files are in its evidence.
        registry: The registry.
        checks: The checks on the window.
        decision: The decision. Nothing is logged without a champion.

    Raises:
        TransientError: when MLflow or the object store cannot be reached.
    """
    if decision.champion is None:
        return
    client, model = registry.client, decision.model
    run_id = str(registry.version(model, decision.champion).run_id)
    folder = f"{MONITORING_FILES}/{decision.window_end.strftime(WINDOW_FORMAT)}"
    for name, text in _evidence_files(job, checks, decision):
        client.log_text(run_id, text, f"{folder}/{name}")
    seconds = int(decision.window_end.timestamp())
    for name, value in window_metrics(checks).items():
        client.log_metric(
            run_id, f"monitor_{name}", value, timestamp=seconds * 1000, step=seconds // 3600
        )
    words = f"{decision.window_end:%Y-%m-%d %H:%M} UTC: {decision.outcome}: {decision.told}"
    client.set_model_version_tag(model, decision.champion, MONITORING, words)


def _evidence_files(job: Job, checks: Checks, decision: DriftDecision) -> Iterator[tuple[str, str]]:
    """Yield name and text of each file."""
    addresses = [
        decision.evidence,
        checks.data.evidence,
        checks.performance.evidence,
        *(file for check in (checks.skew, checks.drift) for file in (check.evidence, check.report)),
    ]
    for address in filter(None, addresses):
        content = job.evidence.read(address)
        if content is not None:
            yield PurePosixPath(address).name, content.decode()


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
