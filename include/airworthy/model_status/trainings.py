"""The trainings behind registered versions, by the dataset records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from airworthy.environment import Environment
from airworthy.lake.dataset_records import BenchmarkRecord, Event, TrainingRecord
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, ApprovalAnswered, GuardTrip, Registration, Retirement
from airworthy.ledger.ledger_queries import of_kind
from airworthy.model_status.model_history import VersionFigures

_REJECTED = "rejected"


@dataclass(frozen=True)
class Trainings:
    """The records of trainings.

    Attributes:
        splits: MLflow run -> its training: commit, parameters, and split of the rows.
        benchmarks: MLflow run and champion of the comparison -> metrics by role.
    """

    splits: dict[str, TrainingRecord]
    benchmarks: dict[tuple[str, str | None], dict[str, dict[str, float]]]

    @property
    def metric_names(self) -> set[str]:
        """The names of all metrics."""
        return {
            name
            for roles in self.benchmarks.values()
            for metrics in roles.values()
            for name in metrics
        }

    def own_metrics(self, mlflow_run_id: str | None) -> dict[str, float]:
        """Return the metrics of a training's model on its own holdout; empty: not recorded."""
        found = [
            roles.get("challenger", {})
            for (run, _), roles in self.benchmarks.items()
            if run == mlflow_run_id
        ]
        return found[-1] if found else {}


def read_trainings(environment: Environment, model: str) -> Trainings:
    """Return the records of a model's trainings.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    events = [event for _, event in open_datasets(environment, model).events(Event)]
    return Trainings(
        {each.mlflow_run_id: each for each in events if isinstance(each, TrainingRecord)},
        {
            (each.mlflow_run_id, each.champion_version): each.metrics
            for each in events
            if isinstance(each, BenchmarkRecord)
        },
    )


def version_figures(entries: Sequence[Entry], trainings: Trainings) -> list[VersionFigures]:
    """Return the registered versions, oldest first.

    A number that was given again names the version that was registered last at the time of an entry.

    Args:
        entries: The ledger, oldest first.
        trainings: The records of the trainings.
    """
    figures: list[VersionFigures] = []
    present: dict[str, int] = {}
    for entry in of_kind(entries, Registration, AliasMove, ApprovalAnswered, GuardTrip, Retirement):
        event = entry.event
        if isinstance(event, Registration):
            present[event.version] = len(figures)
            figures.append(_figures(cast("Entry[Registration]", entry), trainings))
            continue
        if isinstance(event, AliasMove | Retirement):
            figures = [_left(each) for each in figures]
        status = _status(event)
        index = present.get(event.subject or "")
        if status is not None and index is not None:
            figures[index] = replace(figures[index], status=status)
    return figures


def _left(figures: VersionFigures) -> VersionFigures:
    if figures.status != "champion":
        return figures
    return replace(figures, status="former champion")


def _status(event: object) -> str | None:
    """Return the status that an event gives to its version; None: the one it had."""
    match event:
        case AliasMove():
            return "champion"
        case GuardTrip():
            return _REJECTED
        case ApprovalAnswered(decision=decision) if decision != "approve":
            return _REJECTED
    return None


def _figures(entry: Entry[Registration], trainings: Trainings) -> VersionFigures:
    event = entry.event
    training = trainings.splits.get(event.mlflow_run_id or "")
    return VersionFigures(
        version=event.version,
        registered_at=entry.time,
        entry=entry.sequence,
        status=_REJECTED if event.validation_status == _REJECTED else "approved",
        commit=training.git_commit if training else None,
        dataset_digest=event.dataset_digest,
        bundle_digest=event.bundle_digest,
        as_of=event.as_of.isoformat() if event.as_of else None,
        reason=event.reason,
        parameters=training.parameters if training else {},
        rows={str(part): rows for part, rows in training.rows.items()} if training else {},
        metrics=trainings.own_metrics(event.mlflow_run_id),
        mlflow_run_id=event.mlflow_run_id,
    )
