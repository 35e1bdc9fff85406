"""Decide: whether to retrain. Records every input and the outcome in the ledger and as evidence."""

from __future__ import annotations

import logging

from airworthy.handover import DataCheck, DriftDecision, PerformanceCheck, ShiftCheck
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import RetrainingDecision
from airworthy.monitoring.build_decision import Checks, build_decision
from airworthy.monitoring.check_results import write_evidence
from airworthy.monitoring.gauges import write_window
from airworthy.monitoring.history import find_decision
from airworthy.monitoring.publish_to_mlflow import publish_decision
from airworthy.registry.registry import open_registry

log = logging.getLogger("airworthy.monitor")


def decide(
    job: Job,
    data_check: DataCheck,
    skew: ShiftCheck,
    drift: ShiftCheck,
    performance: PerformanceCheck,
) -> DriftDecision:
    """Decide on a live window. A second call for the same window returns the first decision.

    Args:
        job: The monitor's run.
        data_check: The live window and the results of its expectations.
        skew: The result of the skew check.
        drift: The result of the drift check.
        performance: The result of the performance check.

    Returns:
        The decision, with the run id of the training to trigger, if any.

    Raises:
        TransientError: when MLflow or the ledger cannot be reached.
    """
    model, ledger = job.spec.model, open_ledger(job.environment, job.spec.model)
    entries = ledger.entries()
    recorded = find_decision(entries, data_check.window.end)
    if recorded is not None:
        log.info("%s: decided before: %s", model, recorded.told)
        return recorded
    registry, checks = open_registry(job.environment), Checks(data_check, skew, drift, performance)
    tags = {str(version.version): dict(version.tags) for version in registry.versions(model)}
    decision = write_evidence(job, build_decision(job, checks, entries, tags))
    publish_decision(job, registry, checks, decision)
    event = RetrainingDecision(decision=decision)
    decision = ledger.append(
        event, run_id=job.run.run_id, who=job.run.requested_by, proved_by=job.run.requested_by_proof
    ).event.decision
    write_window(job.environment, checks, decision)
    log.info("%s: %s: %s", model, decision.outcome, decision.told)
    return decision
