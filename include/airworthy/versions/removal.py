"""The removals of ``airworthy gc`` for one model: planned, recorded in the ledger, then carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from airworthy.environment import Environment
from airworthy.ledger import Entry
from airworthy.ledger.events import ArtifactsRemoved, LedgerEvent, RecordsRemoved
from airworthy.predictions.old_days import (
    has_days_before,
    remove_damaged_segments,
    remove_days_before,
)
from airworthy.registry.logged_models import ModelFiles, model_files, remove_files
from airworthy.registry.registry import Registry
from airworthy.registry.run_files import RunFiles, old_run_files, remove_run_files
from airworthy.spec.fields import format_duration
from airworthy.versions.old_evidence import (
    forget_download,
    forget_results,
    old_evidence,
    remove_evidence,
)
from airworthy.versions.unneeded_files import needed_runs, needed_versions, unneeded_files


@dataclass(frozen=True)
class Removal:
    """The files and records that a model loses.

    Attributes:
        kept: The trainings whose files stay.
        files: The trainings that lose theirs.
        runs: MLflow's runs that lose files.
        evidence: The folders of the runs that lose their evidence.
        first_day: The first day (UTC) whose predictions and labels stay; None: all stay.
    """

    kept: Sequence[ModelFiles]
    files: Sequence[ModelFiles]
    runs: Sequence[RunFiles]
    evidence: Sequence[str]
    first_day: date | None

    @property
    def versions(self) -> list[str]:
        """The registered versions that lose their files."""
        return [version for each in self.files for version in each.versions]


def plan_removal(
    environment: Environment,
    registry: Registry,
    model: str,
    entries: Sequence[Entry],
    now: datetime,
) -> Removal:
    """Return what the environment's retention lets a model lose.

    Args:
        environment: The environment.
        registry: Its registry.
        model: The model.
        entries: Its ledger, oldest first.
        now: The present time, UTC.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
        TransientError: when MLflow or the lake cannot be reached.
    """
    retention = environment.retention
    files = model_files(registry, model)
    old = unneeded_files(files, entries, retention, now)
    kept = [each for each in files if each not in old]
    needed = needed_versions(entries, retention.champions)
    runs: list[RunFiles] = []
    evidence: list[str] = []
    if retention.evidence is not None:
        until = now - retention.evidence
        runs = old_run_files(registry, model, needed, until)
        evidence = old_evidence(environment, model, needed_runs(entries, needed), until)
    first_day = None
    if retention.predictions is not None:
        day = (now - retention.predictions).date()
        first_day = day if has_days_before(environment, model, day) else None
    return Removal(kept, old, runs, evidence, first_day)


def events_of(removal: Removal, environment: Environment) -> list[LedgerEvent]:
    """Return what the ledger gets of a removal. Pure.

    Args:
        removal: The removal.
        environment: Its retention is recorded.
    """
    retention = environment.retention
    events: list[LedgerEvent] = []
    if removal.files and retention.artifacts is not None:
        models = [each.model_id for each in removal.files]
        age = format_duration(retention.artifacts)
        events.append(
            ArtifactsRemoved(versions=removal.versions, logged_models=models, retention=age)
        )
    if removal.runs or removal.evidence or removal.first_day is not None:
        ages = {"evidence": retention.evidence, "predictions": retention.predictions}
        events.append(
            RecordsRemoved(
                evidence=list(removal.evidence),
                mlflow_runs=[each.run_id for each in removal.runs if not each.folders],
                windows=sum(len(each.folders) for each in removal.runs),
                predictions_before=removal.first_day and removal.first_day.isoformat(),
                retention={
                    name: format_duration(age) for name, age in ages.items() if age is not None
                },
            )
        )
    return events


def carry_out(
    removal: Removal, environment: Environment, registry: Registry, model: str, now: datetime
) -> None:
    """Remove what was planned, this machine's copies of it, and old remembered results.

    Args:
        removal: The removal. The ledger has it.
        environment: The environment.
        registry: Its registry.
        model: The model.
        now: The present time, UTC.

    Raises:
        TransientError: when MLflow or the lake cannot be reached. A second call goes on.
    """
    retention = environment.retention
    for files in removal.files:
        remove_files(registry, files)
    for run in removal.runs:
        remove_run_files(registry, run)
    remove_evidence(environment, model, removal.evidence)
    if retention.evidence is not None:
        forget_results(environment, model, now - retention.evidence)
    if retention.predictions is not None:
        until = now - retention.predictions
        remove_days_before(environment, model, until.date())
        remove_damaged_segments(environment, model, until.astimezone(UTC))
    for each in removal.files:
        forget_download(environment, each.model_id)
