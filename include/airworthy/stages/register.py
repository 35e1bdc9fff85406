"""Register: one registered version per idempotency key, rejected candidates too, with the evidence as tags."""

from __future__ import annotations

import logging
from typing import Literal

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, ValidationResult, Verdict, VersionRef
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.monitoring.history import cause_of
from airworthy.registry.registry import open_registry
from airworthy.registry.stage_outputs import keep_delivery
from airworthy.registry.tags import (
    BUNDLE_DIGEST,
    DATA_WARNINGS,
    DATASET_DIGEST,
    DATASET_ID,
    DATASET_VERSION,
    DECISION,
    METRIC_PREFIX,
    MODEL_SHA256,
    REASONS,
    VALIDATION_STATUS,
    VERDICT,
    WINDOW_END,
    WINDOW_START,
)
from airworthy.registry.training_runs import run_tags

log = logging.getLogger("airworthy.register")


def register(
    job: Job,
    dataset: DatasetRef,
    validation: ValidationResult,
    challenger: ModelRef,
    verdict: Verdict,
) -> VersionRef:
    """Register a candidate. A retry, or a repeated run, gives the version that it gave before.

    Raises:
        TerminalError: when that version holds another model than the one that the verdict is about.
        TransientError: when MLflow cannot be reached.
    """
    registry = open_registry(job.environment)
    wanted: Literal["approved", "rejected"] = "approved" if verdict.releasable else "rejected"
    ledger = open_ledger(job.environment, job.spec.model)
    cause = (
        cause_of(ledger.entries(), job.run.run_id)
        if job.run.reason in ("drift", "performance")
        else None
    )
    tags = _tags(job, dataset, validation, challenger, verdict, wanted) | (
        {DECISION: cause} if cause else {}
    )
    version, created = registry.register(
        job.spec.model,
        challenger.idempotency_key,
        challenger.model_uri,
        challenger.mlflow_run_id,
        tags,
    )
    known = registry.version(job.spec.model, version).tags
    _demand_same_model(job, challenger, version, known[BUNDLE_DIGEST])
    status: Literal["approved", "rejected"] = (
        "approved" if known[VALIDATION_STATUS] == "approved" else "rejected"
    )
    registration = Registration(
        version=version,
        validation_status=status,
        bundle_digest=challenger.bundle_digest,
        dataset_digest=dataset.digest,
        as_of=job.run.as_of,
        reason=job.run.reason,
        mlflow_run_id=challenger.mlflow_run_id,
        dag_id=job.run.dag_id,
        decision=cause,
    )
    ledger.append(registration, run_id=job.run.run_id, who=job.run.requested_by)
    log.info(
        "%s version %s (%s): %s",
        job.spec.model,
        version,
        status,
        "registered" if created else "was registered before",
    )
    registered = VersionRef(
        model=job.spec.model,
        version=version,
        model_uri=f"models:/{job.spec.model}/{version}",
        bundle_digest=known[BUNDLE_DIGEST],
        validation_status=status,
        created=created,
    )
    keep_delivery(registry, registered, dataset, challenger, verdict)
    return registered


def _demand_same_model(job: Job, challenger: ModelRef, version: str, registered: str) -> None:
    """Stop when what is registered under the challenger's key is not what was evaluated."""
    if registered == challenger.bundle_digest:
        return
    raise TerminalError(
        f"version {version} was made from the same data, code and parameters, and has other files",
        model=job.spec.model,
        stage="register",
        received=f"digest {challenger.bundle_digest}",
        allowed=f"digest {registered}",
        next_step="look for what differs between the machines of the two runs: libraries, processor",
    )


def _tags(
    job: Job,
    dataset: DatasetRef,
    validation: ValidationResult,
    challenger: ModelRef,
    verdict: Verdict,
    status: str,
) -> dict[str, str]:
    """Return who, what, when, why, for people and for the stages that read it back."""
    warnings = sum(not check.success for check in validation.checks)
    return {
        **run_tags(job, challenger.idempotency_key),
        VALIDATION_STATUS: status,
        VERDICT: verdict.outcome,
        REASONS: "\n".join(verdict.reasons)[:4000],
        BUNDLE_DIGEST: challenger.bundle_digest,
        MODEL_SHA256: challenger.model_sha256,
        DATASET_ID: dataset.id,
        DATASET_DIGEST: dataset.digest,
        DATASET_VERSION: str(dataset.version),
        WINDOW_START: dataset.window.start.isoformat(),
        WINDOW_END: dataset.window.end.isoformat(),
        DATA_WARNINGS: str(warnings),
        **{
            f"{METRIC_PREFIX}{name}": f"{value:.6g}"
            for name, value in verdict.metrics["challenger"].items()
        },
    }
