"""Events of a delivery: a challenger was judged, and registered."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from airworthy.handover import Outcome
from airworthy.ledger.events.event import LedgerEvent, Moment


class VerdictReached(LedgerEvent):
    """The gates judged a challenger.

    Attributes:
        outcome: What the gates said.
        reasons: Why the verdict is no pass.
        champion: The version that the challenger was compared with; None: there was no champion.
        mlflow_run_id: The MLflow run that trained the challenger.
        dataset_digest: Of the dataset version that it was judged on.
        dag_id: The Airflow DAG; None: outside Airflow.
    """

    kind: ClassVar[str] = "verdict"

    outcome: Outcome
    reasons: list[str] = Field(default_factory=list)
    champion: str | None = None
    mlflow_run_id: str | None = None
    dataset_digest: str | None = None
    dag_id: str | None = None

    def entry_id(self, run_id: str) -> str:
        """Return another id for each MLflow run and each champion that it was compared with."""
        return f"{self.kind}:{run_id}:{self.mlflow_run_id}:{self.champion}"


class Registration(LedgerEvent):
    """A candidate became a registered version.

    Attributes:
        version: The version.
        validation_status: ``approved`` or ``rejected``.
        bundle_digest: Of its files.
        dataset_digest: Of the dataset version that it was trained on.
        as_of: Up to when its training saw data.
        reason: Why its training ran.
        mlflow_run_id: The MLflow run that trained it.
        dag_id: The Airflow DAG; None: outside Airflow.
        decision: The id of the entry with the monitor's decision that asked for the training; None: none did.
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

    def entry_id(self, run_id: str) -> str:
        """Return one id for a version, whichever run registers it again."""
        return f"{self.kind}:{self.version}"

    @property
    def subject(self) -> str:
        """The version."""
        return self.version
