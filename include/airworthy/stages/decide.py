"""Decide: is the champion to be trained again? Every input and the outcome are kept, in the ledger and as evidence."""

from __future__ import annotations

import logging

from airworthy.handover import DataCheck, DriftDecision, PerformanceCheck, ShiftCheck
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import RetrainingDecision
from airworthy.monitoring.build_decision import Checks, make_decision
from airworthy.monitoring.check_evidence import keep
from airworthy.monitoring.gauges import write_gauges
from airworthy.monitoring.history import decided
from airworthy.monitoring.publish_to_mlflow import publish
from airworthy.registry.registry import open_registry

log = logging.getLogger("airworthy.monitor")


def decide(
    job: Job,
    data_check: DataCheck,
    skew: ShiftCheck,
    drift: ShiftCheck,
    performance: PerformanceCheck,
) -> DriftDecision:
    """Decide on a live window. Asked again about the same window, the answer is the same.

    Returns:
        The decision, with the run id of the training that is to be triggered, if any.

    Raises:
        TransientError: when MLflow or the ledger cannot be reached.
    """
    model, ledger = job.spec.model, open_ledger(job.environment, job.spec.model)
    entries = ledger.entries()
    known = decided(entries, data_check.window.end)
    if known is not None:
        log.info("%s: decided before: %s", model, known.told)
        return known
    registry, checks = open_registry(job.environment), Checks(data_check, skew, drift, performance)
    tags = {str(version.version): dict(version.tags) for version in registry.versions(model)}
    decision = keep(make_decision(job, checks, entries, tags))
    publish(registry, checks, decision)
    made = RetrainingDecision(decision=decision)
    decision = ledger.append(made, run_id=job.run.run_id, who=job.run.requested_by).event.decision
    write_gauges(job.environment, checks, decision)
    log.info("%s: %s: %s", model, decision.outcome, decision.told)
    return decision
