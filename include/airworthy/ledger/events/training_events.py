"""Events of a training run: the verdict on a challenger, and its registration."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from airworthy.handover import Outcome
from airworthy.ledger.events.event import LedgerEvent, Moment


class VerdictReached(LedgerEvent):
    """The gates of a challenger were evaluated.

    Attributes:
        outcome: The outcome of all gates.
        reasons: The reasons of gates that count and have no pass.
        champion: The champion in the comparison; None: there was no champion.
        mlflow_run_id: The MLflow run of the challenger's training.
        dataset_digest: Digest of the dataset version of the evaluation.
        dag_id: The Airflow DAG; None: outside Airflow.
        waivers: The waived default gates with their reasons.
        champion_failing: The gates that the champion itself fails, with its figures.
    """

    kind: ClassVar[str] = "verdict"

    outcome: Outcome
    reasons: list[str] = Field(default_factory=list)
    champion: str | None = None
    mlflow_run_id: str | None = None
    dataset_digest: str | None = None
    dag_id: str | None = None
    waivers: list[str] = Field(default_factory=list)
    champion_failing: list[str] = Field(default_factory=list)

    def entry_id(self, run_id: str) -> str:
        """Return one id per run, MLflow run and champion in the comparison."""
        return f"{self.kind}:{run_id}:{self.mlflow_run_id}:{self.champion}"


class Registration(LedgerEvent):
    """A candidate became a registered version.

    Attributes:
        version: The version.
        validation_status: ``approved`` or ``rejected``.
        bundle_digest: Digest of its files.
        dataset_digest: Digest of the dataset version of its training.
        as_of: The exclusive end of its training data.
        reason: The reason of its training.
        mlflow_run_id: The MLflow run of its training.
        dag_id: The Airflow DAG; None: outside Airflow.
        decision: The id of the entry with the retraining decision behind the training, or None.
        reuses_number: Not stored: true when another version had the number. MLflow counts from 1
            again after a registered model was deleted.
    """

    kind: ClassVar[str] = "registration"

    version: str
    validation_status: str = "registered"
    bundle_digest: str | None = None
    dataset_digest: str | None = None
    as_of: Moment | None = None
    reason: str | None = None
    mlflow_run_id: str | None = None
    dag_id: str | None = None
    decision: str | None = None
    reuses_number: bool = Field(default=False, exclude=True)

    @override
    def entry_id(self, run_id: str) -> str:
        """Return one id per version, whichever run registers it."""
        files = f":{self.bundle_digest}" if self.reuses_number else ""
        return f"{self.kind}:{self.version}{files}"

    @property
    def subject(self) -> str:
        """The version."""
        return self.version
