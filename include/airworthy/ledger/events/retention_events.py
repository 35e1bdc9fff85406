"""The events of files and records that were removed under the environment's retention."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from airworthy.ledger.events.event import LedgerEvent


class ArtifactsRemoved(LedgerEvent):
    """The files of old models are removed. Their records stay. It is written before the removal.

    Attributes:
        versions: The registered versions that lose their files.
        logged_models: The ids of MLflow's logged models, of trainings without a version too.
        retention: The environment's words, such as ``90d``.
    """

    kind: ClassVar[str] = "artifacts_removed"

    versions: list[str] = Field(default_factory=list)
    logged_models: list[str] = Field(default_factory=list)
    retention: str = ""

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"


class RecordsRemoved(LedgerEvent):
    """Old evidence or logged predictions are removed. It is written before the removal.

    Attributes:
        evidence: The folders of the runs that lose their evidence.
        mlflow_runs: The ids of MLflow's runs that lose their files.
        windows: The number of monitor windows that other MLflow runs lose.
        predictions_before: The first day (UTC) whose predictions and labels stay; None: all stay.
        retention: The environment's words by key, such as ``evidence: 365d``.
    """

    kind: ClassVar[str] = "records_removed"

    evidence: list[str] = Field(default_factory=list)
    mlflow_runs: list[str] = Field(default_factory=list)
    windows: int = 0
    predictions_before: str | None = None
    retention: dict[str, str] = Field(default_factory=dict)

    def entry_id(self, run_id: str) -> str:
        """Return one id per run."""
        return f"{self.kind}:{run_id}"
