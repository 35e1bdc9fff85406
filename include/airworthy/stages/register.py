"""Register: one version per idempotency key, with the evidence as tags. Rejected ones too."""

from __future__ import annotations

import logging

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, ValidationResult, Verdict, VersionRef
from airworthy.job import Job
from airworthy.lake.promoted_parts import part_of_table
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Registration
from airworthy.ledger.version_numbers import was_other_version
from airworthy.monitoring.history import triggering_entry
from airworthy.registry.registry import Registry, open_registry
from airworthy.registry.stage_outputs import log_stage_outputs
from airworthy.registry.tags import (
    BUNDLE_DIGEST,
    DATA_WARNINGS,
    DATASET_DIGEST,
    DATASET_ID,
    DATASET_PART,
    DATASET_VERSION,
    DECISION,
    GIT_COMMIT,
    METRIC_PREFIX,
    MODEL_SHA256,
    PARAMETER_PREFIX,
    PROMOTED_FROM,
    VALIDATION_STATUS,
    WINDOW_END,
    WINDOW_START,
    span_tags,
)
from airworthy.registry.training_runs import run_tags
from airworthy.registry.verdict_tags import verdict_tags
from airworthy.registry.version_source import CODE_TAGS, take_clean_source

log = logging.getLogger("airworthy.register")


def register(
    job: Job,
    dataset: DatasetRef,
    validation: ValidationResult,
    challenger: ModelRef,
    verdict: Verdict,
) -> VersionRef:
    """Register a challenger. A retry or a repeated run returns the same version again.

    Args:
        job: The run.
        dataset: The dataset version.
        validation: The result of its validation.
        challenger: The trained model.
        verdict: The verdict on it.

    Raises:
        TerminalError: when that version holds another model than the evaluated one.
        TransientError: when MLflow cannot be reached.
    """
    registry, model = open_registry(job.environment), job.spec.model
    decision = _triggering_decision(job)
    code = _code_tags(registry, challenger)
    tags = _tags(job, dataset, validation, challenger, verdict) | code
    if decision:
        tags[DECISION] = decision
    version, created = registry.register(
        model,
        challenger.idempotency_key,
        challenger.model_uri,
        challenger.mlflow_run_id,
        tags,
    )
    existing = registry.version(model, version)
    recorded = existing.tags
    _require_same_model(job, challenger, version, recorded[BUNDLE_DIGEST])
    if take_clean_source(registry.client, existing, challenger.mlflow_run_id, code):
        log.info("%s version %s: commit %s has its files now", model, version, code[GIT_COMMIT])
    registered = VersionRef(
        model=model,
        version=version,
        model_uri=f"models:/{model}/{version}",
        bundle_digest=recorded[BUNDLE_DIGEST],
        validation_status="approved" if recorded[VALIDATION_STATUS] == "approved" else "rejected",
        created=created,
    )
    _record(job, dataset, challenger, registered, decision)
    _log_validation(registry, challenger, validation)
    log_stage_outputs(registry, registered, dataset, challenger, verdict)
    return registered


def _code_tags(registry: Registry, challenger: ModelRef) -> dict[str, str]:
    """Return what the training said of its code: another machine may register the version.

    The run of a promoted version says where it is from, too.
    """
    tags = registry.client.get_run(challenger.mlflow_run_id).data.tags
    return {name: tags[name] for name in (*CODE_TAGS, PROMOTED_FROM) if name in tags}


def _triggering_decision(job: Job) -> str | None:
    """Return the ledger entry of the monitor's decision that triggered the run, if one did."""
    if job.run.reason not in ("drift", "performance"):
        return None
    entries = open_ledger(job.environment, job.spec.model).entries()
    return triggering_entry(entries, job.run.run_id)


def _log_validation(registry: Registry, challenger: ModelRef, validation: ValidationResult) -> None:
    """Log the data's validation to the training's MLflow run, which it came before."""
    text = validation.model_dump_json(indent=1)
    registry.client.log_text(challenger.mlflow_run_id, text, "validation.json")


def _record(
    job: Job,
    dataset: DatasetRef,
    challenger: ModelRef,
    registered: VersionRef,
    decision: str | None,
) -> None:
    """Record the registration in the ledger."""
    ledger = open_ledger(job.environment, job.spec.model)
    registration = Registration(
        version=registered.version,
        validation_status=registered.validation_status,
        bundle_digest=challenger.bundle_digest,
        dataset_digest=dataset.digest,
        as_of=job.run.as_of,
        reason=job.run.reason,
        mlflow_run_id=challenger.mlflow_run_id,
        dag_id=job.run.dag_id,
        decision=decision,
        reuses_number=was_other_version(
            ledger.entries(), registered.version, challenger.bundle_digest
        ),
    )
    ledger.append(
        registration,
        run_id=job.run.run_id,
        who=job.run.requested_by,
        proved_by=job.run.requested_by_proof,
    )
    log.info(
        "%s version %s (%s): %s",
        job.spec.model,
        registered.version,
        registered.validation_status,
        "registered" if registered.created else "was registered before",
    )


def _require_same_model(job: Job, challenger: ModelRef, version: str, registered: str) -> None:
    """Check that the version under the challenger's key has the evaluated files."""
    if registered == challenger.bundle_digest:
        return
    raise TerminalError(
        f"version {version} was made from the same data, code and parameters, and has other files",
        model=job.spec.model,
        stage="register",
        received=f"digest {challenger.bundle_digest}",
        allowed=f"digest {registered}",
        next_step="compare the machines of the two runs: their libraries and processors",
    )


def _tags(
    job: Job,
    dataset: DatasetRef,
    validation: ValidationResult,
    challenger: ModelRef,
    verdict: Verdict,
) -> dict[str, str]:
    """Return the version's tags, for people and for later stages."""
    warnings = sum(not check.success for check in validation.checks)
    part = part_of_table(dataset.model, dataset.table)
    return {
        **run_tags(job, challenger.idempotency_key),
        VALIDATION_STATUS: "approved" if verdict.releasable else "rejected",
        **verdict_tags(verdict),
        **span_tags(challenger.fitted_days, challenger.span_losses),
        BUNDLE_DIGEST: challenger.bundle_digest,
        MODEL_SHA256: challenger.model_sha256,
        DATASET_ID: dataset.id,
        DATASET_DIGEST: dataset.digest,
        DATASET_VERSION: str(dataset.version),
        **({DATASET_PART: part} if part else {}),
        WINDOW_START: dataset.window.start.isoformat(),
        WINDOW_END: dataset.window.end.isoformat(),
        DATA_WARNINGS: str(warnings),
        **{
            f"{METRIC_PREFIX}{name}": f"{value:.6g}"
            for name, value in verdict.metrics["challenger"].items()
        },
        **{
            f"{PARAMETER_PREFIX}{name}": str(value) for name, value in challenger.parameters.items()
        },
    }
