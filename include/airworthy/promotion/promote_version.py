"""Promotes a version: the same files, rows and evidence, judged and registered by the other environment.

The version is registered there by the stages of every training run: it is evaluated against the
champion there, and rejected where that is better. Its release begins anew. Each step has a key made
from content, so a promotion that was cut off is completed by the next one, and nothing is done twice.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, Verdict, VersionRef
from airworthy.job import Job, open_job
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import PromotionCompleted, PromotionReceived, PromotionStarted
from airworthy.ledger.ledger_queries import of_kind
from airworthy.promotion.copied_rows import copy_rows
from airworthy.promotion.imported_training import import_training
from airworthy.promotion.origin import Origin, read_origin, record_start
from airworthy.promotion.request import PromotionRequest
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import open_registry
from airworthy.registry.stage_outputs import read_stage_outputs
from airworthy.release.dirty_trees import require_committed
from airworthy.stages import run_stage
from airworthy.traffic import traffic_of

log = logging.getLogger("airworthy.promotion")


@dataclass(frozen=True)
class Promotion:
    """The result of a promotion.

    Attributes:
        model: The model.
        from_environment: The environment that the version is from.
        from_version: The version there.
        from_entry: The entry of the ledger there that began the promotion.
        to_environment: The environment that it went to.
        to_version: The version there.
        to_entry: The entry of the ledger there that received it.
        bundle_digest: The digest of its files, the same in both.
        dataset_digest: The digest of its training's dataset version, the same in both.
        validation_status: ``approved`` or ``rejected``, by the gates there.
        reasons: The reasons of gates that count and have no pass.
    """

    model: str
    from_environment: str
    from_version: str
    from_entry: int
    to_environment: str
    to_version: str
    to_entry: int
    bundle_digest: str
    dataset_digest: str
    validation_status: str
    reasons: list[str]


def promote_version(request: PromotionRequest) -> Promotion:
    """Register a version of one environment in another one. Its release is another step.

    Args:
        request: The promotion.

    Raises:
        TerminalError: when the version may not leave its environment, or may not enter the other.
        TransientError: when MLflow, a lake or a ledger cannot be reached. The same command again
            completes the promotion.
    """
    with tempfile.TemporaryDirectory(prefix="airworthy-promotion-") as folder:
        with request.source.entered() as environment:
            origin = read_origin(request, environment, Path(folder))
        with request.target.entered():
            _require_welcome(request, origin)
        with request.source.entered():
            started = record_start(request, origin)
        dataset = copy_rows(request, origin.dataset)
        with request.target.entered():
            received, verdict, version = _receive(request, origin, started, dataset)
        with request.source.entered():
            _complete(request, origin, received)
    return Promotion(
        model=request.model,
        from_environment=request.source.name,
        from_version=origin.version,
        from_entry=started.sequence,
        to_environment=request.target.name,
        to_version=version.version,
        to_entry=received.sequence,
        bundle_digest=origin.digest,
        dataset_digest=dataset.digest,
        validation_status=version.validation_status,
        reasons=verdict.reasons,
    )


def _require_welcome(request: PromotionRequest, origin: Origin) -> None:
    """Check that the other environment may use what the version's tree made. The process is in it."""
    job = open_job(request.run(origin.as_of, origin.digest))
    require_committed(job, origin.exported.tags)


def _receive(
    request: PromotionRequest,
    origin: Origin,
    started: Entry[PromotionStarted],
    dataset: DatasetRef,
) -> tuple[Entry[PromotionReceived], Verdict, VersionRef]:
    """Judge and register the version in its new environment. The process is in it."""
    job = open_job(request.run(origin.as_of, origin.digest))
    entries = open_ledger(job.environment, request.model).entries()
    outputs = _settled(job, origin, entries)
    if outputs is None:
        outputs = _judge(job, origin, dataset)
    version = VersionRef.model_validate(outputs["version"])
    if version.bundle_digest != origin.digest:
        raise _other_files(request, origin, version)
    received = open_ledger(job.environment, request.model).append(
        PromotionReceived(
            version=version.version,
            bundle_digest=origin.digest,
            dataset_digest=dataset.digest,
            from_environment=request.source.name,
            from_version=origin.version,
            from_entry=started.sequence,
            from_entry_hash=started.hash,
            from_run=origin.registered_by,
            mlflow_run_id=origin.challenger.mlflow_run_id,
            trained_by=origin.trained_by,
        ),
        run_id=job.run.run_id,
        who=request.requested_by,
        proved_by=request.proved_by,
    )
    return received, Verdict.model_validate(outputs["verdict"]), version


def _settled(job: Job, origin: Origin, entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Return the outputs about a version that was received before, while its verdict still counts.

    A verdict against a champion that is none any more is made again.
    """
    received = [
        entry.event.version
        for entry in of_kind(entries, PromotionReceived)
        if entry.run_id == job.run.run_id and entry.event.bundle_digest == origin.digest
    ]
    if not received:
        return None
    with mlflow_errors(job.environment):
        outputs = read_stage_outputs(open_registry(job.environment), job.spec.model, received[-1])
    champion = traffic_of(entries).champion_version
    if champion in (received[-1], outputs["verdict"]["champion_version"]):
        return outputs
    return None


def _judge(job: Job, origin: Origin, dataset: DatasetRef) -> dict[str, Any]:
    """Import the training, evaluate and register it; return the outputs of the stages."""
    with mlflow_errors(job.environment):
        challenger = import_training(job, origin, dataset)
    payload: dict[str, Any] = {
        "run": job.run.model_dump(mode="json"),
        "dataset": dataset.model_dump(mode="json"),
        "validation": origin.validation.model_dump(mode="json"),
        "challenger": challenger.model_dump(mode="json"),
    }
    payload["verdict"] = run_stage("evaluate", payload)
    payload["version"] = run_stage("register", payload)
    _copy_evidence(job, origin)
    return payload


def _copy_evidence(job: Job, origin: Origin) -> None:
    """Write the files of the training's run into the promotion's evidence, folder ``origin``."""
    for path in sorted(origin.evidence.rglob("*")):
        if path.is_file():
            name = path.relative_to(origin.evidence).as_posix()
            job.evidence.write(f"origin/{name}", path.read_bytes())
    record = {
        "from": origin.name,
        "bundle_digest": origin.digest,
        "dataset_digest": origin.dataset.digest,
        "model_files": dict(origin.exported.files),
        "evidence_files": {
            path.relative_to(origin.evidence).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in sorted(origin.evidence.rglob("*"))
            if path.is_file()
        },
    }
    job.evidence.write_json("promotion.json", record)


def _complete(
    request: PromotionRequest, origin: Origin, received: Entry[PromotionReceived]
) -> Entry[PromotionCompleted]:
    """Record in the version's own ledger where it has arrived. The process is in it."""
    return open_ledger(origin.environment, request.model).append(
        PromotionCompleted(
            version=origin.version,
            bundle_digest=origin.digest,
            to_environment=request.target.name,
            to_version=received.event.version,
            to_entry=received.sequence,
            to_entry_hash=received.hash,
        ),
        run_id=request.run_id(origin.digest),
        who=request.requested_by,
        proved_by=request.proved_by,
    )


def _other_files(request: PromotionRequest, origin: Origin, version: VersionRef) -> TerminalError:
    return TerminalError(
        f"version {version.version} of {request.target.name} has other files",
        model=request.model,
        received=f"digest {version.bundle_digest}",
        allowed=f"digest {origin.digest}",
        next_step=f"airworthy ledger {request.model}, in {request.target.name}",
    )
