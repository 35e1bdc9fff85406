"""Approval: records a person's answer, or the timeout, in the ledger for the later stages."""

from __future__ import annotations

import logging

from airworthy.errors import TerminalError
from airworthy.handover import Approval, ApprovalAnswer, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import ApprovalAnswered
from airworthy.registry.registry import open_registry
from airworthy.registry.tags import BUNDLE_DIGEST

log = logging.getLogger("airworthy.release")


def approval(
    job: Job, version: VersionRef, verdict: Verdict, approval_answer: ApprovalAnswer
) -> Approval:
    """Record an answer for exactly the registered files. The same answer again changes nothing.

    Of several answers in one run the last one counts: a cleared task means a new question.

    Args:
        job: The run.
        version: The version that was asked about.
        verdict: The run's verdict.
        approval_answer: The answer.

    Raises:
        TerminalError: when the registered files are not the evaluated files.
        TransientError: when MLflow or the ledger cannot be reached.
    """
    model, answer = job.spec.model, approval_answer
    registry = open_registry(job.environment)
    digest = registry.tag(registry.version(model, version.version), BUNDLE_DIGEST)
    if digest != version.bundle_digest:
        raise TerminalError(
            f"version {version.version} has other files than those that were judged",
            model=model,
            stage="approval",
            received=f"digest {digest}",
            allowed=f"digest {version.bundle_digest}",
            next_step="train a new challenger",
        )
    answered = ApprovalAnswered(
        version=version.version,
        bundle_digest=digest,
        decision=answer.decision,
        comment=answer.comment,
        at=answer.at,
        verdict=verdict.outcome,
        champion=verdict.champion_version,
        dataset_digest=verdict.dataset_digest,
        mlflow_run_id=verdict.mlflow_run_id,
        user=answer.user,
    )
    ledger = open_ledger(job.environment, model)
    entry = ledger.append(
        answered, run_id=job.run.run_id, who=answer.who, proved_by=answer.proved_by
    )
    recorded = entry.event  # of an earlier try, if it recorded this answer
    log.info("%s version %s: %s by %s", model, version.version, recorded.decision, entry.who)
    return Approval(
        model=model,
        version=version.version,
        bundle_digest=digest,
        decision=recorded.decision,
        who=entry.who,
        comment=recorded.comment,
        at=recorded.at,
    )
