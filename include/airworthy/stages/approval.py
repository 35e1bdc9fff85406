"""Approval: the answer of a person, or that none came, goes into the ledger; later stages look there."""

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
    """Record an answer for exactly the files that are registered. The same answer again changes nothing.

    Of several answers in one run the last one counts: whoever lets the question be asked again means it.

    Raises:
        TerminalError: when the registered files are not those that were judged.
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
    )
    entry = open_ledger(job.environment, model).append(
        answered, run_id=job.run.run_id, who=answer.who
    )
    known = entry.event
    log.info("%s version %s: %s by %s", model, version.version, known.decision, entry.who)
    return Approval(
        model=model,
        version=version.version,
        bundle_digest=digest,
        decision=known.decision,
        who=entry.who,
        comment=known.comment,
        at=known.at,
    )
