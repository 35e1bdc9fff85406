"""Stops a decision over records that disagree."""

from __future__ import annotations

import logging

from airworthy.job import Job
from airworthy.reconciliation.disagreement import Decision, Disagreement
from airworthy.reconciliation.gather import gather
from airworthy.reconciliation.reconcile import reconcile

log = logging.getLogger("airworthy.doctor")


def require_agreement(job: Job, decision: Decision) -> list[Disagreement]:
    """Check that no disagreement stops a decision; return those that do not. They are logged.

    Args:
        job: The run.
        decision: The decision.

    Raises:
        TerminalError: when one stops it. It names the first one with its next step.
        TransientError: when the ledger, MLflow or the lake cannot be reached.
    """
    found = reconcile(gather(job.environment, job.spec.model))
    stopping = [each for each in found if decision in each.stops]
    for each in found:
        if each not in stopping[:1]:
            log.warning("%s: %s; next: %s", each.model, each.problem, each.next_step)
    if stopping:
        raise stopping[0].error(decision)
    return found
