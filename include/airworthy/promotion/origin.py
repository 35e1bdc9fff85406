"""The version to promote, as its own environment has it: checked, with its files on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import (
    DatasetRef,
    ModelRef,
    ValidationResult,
    run_folder,
)
from airworthy.job import Job, open_job
from airworthy.lake.dataset_records import DatasetRecord, TrainingRecord, ValidationRecord
from airworthy.lake.datasets import dataset_key, open_datasets
from airworthy.ledger import Entry, changed_entry_error, first_broken_entry, open_ledger
from airworthy.ledger.events import PromotionReceived, PromotionStarted, Registration
from airworthy.ledger.ledger_queries import of_kind, rolled_back
from airworthy.ledger.registered_versions import (
    registered_digest,
    registration_blockers,
    removed_versions,
)
from airworthy.ledger.version_numbers import entries_about
from airworthy.object_store import open_store
from airworthy.promotion.request import PromotionRequest
from airworthy.reconciliation import require_agreement
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import open_registry
from airworthy.registry.tags import AS_OF
from airworthy.registry.version_export import VALIDATION_FILE, ExportedVersion, export_version
from airworthy.release.recorded_outputs import require_recorded_outputs

_EVIDENCE = "evidence"


@dataclass(frozen=True)
class Origin:
    """A version in its own environment.

    Attributes:
        environment: The environment.
        exported: Its files.
        dataset: The dataset version of its training.
        challenger: The result of its training.
        validation: The result of the data's validation.
        records: The records of the dataset version and of its validation.
        training: The record of the training.
        registered_by: The run that registered it.
        trained_by: Those who triggered its training, as far as their names were proved.
        evidence: The folder with the files of that run beside the lake.
    """

    environment: Environment
    exported: ExportedVersion
    dataset: DatasetRef
    challenger: ModelRef
    validation: ValidationResult
    records: list[DatasetRecord | ValidationRecord]
    training: TrainingRecord
    registered_by: str
    trained_by: list[str]
    evidence: Path

    @property
    def version(self) -> str:
        """The version."""
        return self.exported.version

    @property
    def digest(self) -> str:
        """The digest of its files."""
        return self.exported.bundle_digest

    @property
    def as_of(self) -> datetime:
        """The `as_of` of its training. That of static rows is later than their window."""
        as_of = self.exported.tags.get(AS_OF)
        return datetime.fromisoformat(as_of) if as_of else self.dataset.window.end

    @property
    def name(self) -> str:
        """Environment, model and version: ``staging/eta/7``."""
        return f"{self.environment.name}/{self.exported.model}/{self.version}"


def read_origin(request: PromotionRequest, environment: Environment, folder: Path) -> Origin:
    """Return the version to promote, after all checks that its own environment allows.

    Args:
        request: The promotion.
        environment: The version's environment. The process is in it.
        folder: An empty folder for its files.

    Raises:
        TerminalError: when it is not approved, was rolled back, its records disagree, or its files
            are not those of the ledger.
        TransientError: when MLflow or the lake cannot be reached.
    """
    model, version = request.model, request.version
    entries = open_ledger(environment, model).entries()
    digest = _require_promotable(request, entries)
    with mlflow_errors(environment):
        exported = export_version(open_registry(environment), model, version, digest, folder)
    require_recorded_outputs(entries, exported.outputs)
    dataset = DatasetRef.model_validate(exported.outputs["dataset"])
    challenger = ModelRef.model_validate(exported.outputs["challenger"])
    require_agreement(_job(request, dataset), "release")
    training = _training(environment, challenger)
    run_id = _registrations(entries, version)[-1].run_id
    validation = (exported.run_folder / VALIDATION_FILE).read_bytes()
    return Origin(
        environment=environment,
        exported=exported,
        dataset=dataset,
        challenger=challenger,
        validation=ValidationResult.model_validate_json(validation),
        records=_records(environment, dataset, training),
        training=training,
        registered_by=run_id,
        trained_by=_trained_by(entries, version),
        evidence=_copy_evidence(environment, model, run_id, folder / _EVIDENCE),
    )


def record_start(request: PromotionRequest, origin: Origin) -> Entry[PromotionStarted]:
    """Record in the version's own ledger that it is to be promoted. The process is in it."""
    return open_ledger(origin.environment, request.model).append(
        PromotionStarted(
            version=origin.version,
            bundle_digest=origin.digest,
            dataset_digest=origin.dataset.digest,
            to_environment=request.target.name,
        ),
        run_id=request.run_id(origin.digest),
        who=request.requested_by,
        proved_by=request.proved_by,
    )


def _require_promotable(request: PromotionRequest, entries: Sequence[Entry]) -> str:
    """Return the digest that the ledger registered the version with."""
    model, version = request.model, request.version
    broken = first_broken_entry(entries, model)
    if broken is not None:
        raise changed_entry_error(f"{broken.sequence} ({broken.entry_id})", model)
    digest = registered_digest(entries, model, version)
    blockers = registration_blockers(entries, version, digest)
    if version in rolled_back(entries):
        blockers.append("it was rolled back")
    if version in removed_versions(entries):
        blockers.append("airworthy gc has removed its files")
    if blockers:
        raise TerminalError(
            f"version {version} cannot be promoted: {'; '.join(blockers)}",
            model=model,
            received=f"version {version} of {request.source.name}",
            allowed="an approved version that was not rolled back",
            next_step=f"airworthy ledger {model}, in {request.source.name}",
        )
    return digest


def _job(request: PromotionRequest, dataset: DatasetRef) -> Job:
    return open_job(request.run(dataset.window.end, "0" * 12))


def _training(environment: Environment, challenger: ModelRef) -> TrainingRecord:
    records = open_datasets(environment, challenger.model).events(TrainingRecord)
    for _, record in records:
        if record.mlflow_run_id == challenger.mlflow_run_id:
            return record
    raise TerminalError(
        "nothing is recorded of the training",
        model=challenger.model,
        received=f"MLflow run {challenger.mlflow_run_id}",
        allowed="a training that the lake has a record of",
        next_step=f"airworthy run {challenger.model}",
    )


def _records(
    environment: Environment, dataset: DatasetRef, training: TrainingRecord
) -> list[DatasetRecord | ValidationRecord]:
    """Return the record of a dataset version, and those of its validation by the training's run."""
    key, records = dataset_key(dataset), open_datasets(environment, dataset.model)
    datasets = [each for other, each in records.events(DatasetRecord) if other == key]
    validations = [
        each
        for other, each in records.events(ValidationRecord)
        if other == key and each.run_id == training.run_id
    ]
    return [*datasets, *validations]


def _registrations(entries: Sequence[Entry], version: str) -> list[Entry[Registration]]:
    registrations = of_kind(entries_about(entries, version), Registration)
    return [entry for entry in registrations if entry.event.version == version]


def _trained_by(entries: Sequence[Entry], version: str) -> list[str]:
    """Return the proved names of those who triggered a version's training, here or before."""
    registered = _registrations(entries, version)
    names = {entry.who for entry in registered if entry.proved_by != "nobody"}
    for received in of_kind(entries_about(entries, version), PromotionReceived):
        if received.event.version == version:
            names.update(received.event.trained_by)
    return sorted(names)


def _copy_evidence(environment: Environment, model: str, run_id: str, target: Path) -> Path:
    """Copy the files of a run beside the lake into a new folder, and return it."""
    store, run = open_store(environment.beside_lake(model, "evidence")), run_folder(run_id)
    target.mkdir()
    for info in store.list(run):
        stored = store.read(info.path)
        if stored is not None:
            path = target / info.path.removeprefix(f"{run}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stored.content)
    return target
