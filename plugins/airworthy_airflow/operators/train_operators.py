"""The operators of a train run up to the registered version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airworthy.errors import UnfitDataError
from airworthy.handover import DatasetRef, RunRequest, Verdict
from airworthy_airflow.links import (
    MODEL_LINKS,
    RELEASE_LINKS,
    VERDICT_LINKS,
    DataDocsLink,
    MlflowRunLink,
)
from airworthy_airflow.operators.ingest_news import IngestsSource
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class IngestOperator(IngestsSource):
    """Brings every partition of the run's window into the lake; see `airworthy.lake.ingestion`."""

    stage: ClassVar[str] = "ingest"
    task_doc_md: ClassVar[str] = (
        "Makes sure that every day of the window is in the lake: reads only what is missing or may have been "
        "restated, each day in one atomic commit. Bad rows go to quarantine. Hands over the dataset version and "
        "its digest."
    )
    ui_color = "#dcecf9"


class ValidateOperator(StageOperator):
    """Validates the dataset version. People are notified when it breaks a critical expectation."""

    stage: ClassVar[str] = "validate"
    task_doc_md: ClassVar[str] = (
        "Runs the spec's Great Expectations suite on the dataset version and compares its distribution with the "
        "champion's training data. A critical failure stops the run here; the champion stays."
    )
    ui_color = "#dff3e4"
    operator_extra_links = (*MODEL_LINKS, DataDocsLink())

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Validate.

        Raises:
            UnfitDataError: when a critical check failed.
            TerminalError: when a retry cannot help. It says nothing about the data.
            TransientError: when the lake or MLflow cannot be reached.
        """
        try:
            return super().run_stage(run, context)
        except UnfitDataError as error:
            self._notify(error, run, context)
            raise

    def _notify(self, error: UnfitDataError, run: RunRequest, context: Context) -> None:
        from airworthy.alerts.factories import failed_validation
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify

        if "dataset" not in self.inputs:
            return
        dataset = DatasetRef.model_validate(self.inputs["dataset"])
        alert = failed_validation(run.model, dataset.id, error, task_links(context))
        notify(alert, run.run_id, self.log)


class TrainOperator(StageOperator):
    """Trains a challenger and a baseline on the dataset version; see `airworthy.stages.train`.

    A retry trains again and gives the same bytes: `airworthy.training.idempotency_key`.
    """

    stage: ClassVar[str] = "train"
    task_doc_md: ClassVar[str] = (
        "Splits by time, trains XGBoost with early stopping and the simple baseline, and logs the run on MLflow. "
        "The same data, code and parameters give the same model, bit for bit."
    )
    ui_color = "#fdf3d8"
    operator_extra_links = (*MODEL_LINKS, MlflowRunLink())


class EvaluateOperator(StageOperator):
    """Evaluates the challenger against champion, baseline and gates, and logs the verdict as a table.

    The rules of each gate are in `airworthy.gates.gate_outcomes`.
    """

    stage: ClassVar[str] = "evaluate"
    task_doc_md: ClassVar[str] = (
        "Measures challenger, champion and baseline on the same frozen holdout rows and holds them "
        "against the spec's gates. The task succeeds whatever the verdict: a rejected challenger is "
        "registered as rejected and its release is skipped. The verdict is in the task's log and behind its buttons."
    )
    ui_color = "#fbe6d4"
    operator_extra_links = VERDICT_LINKS

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Evaluate. People are told of a failing champion; see `airworthy.alerts.champion_alerts`."""
        output = super().run_stage(run, context)
        self.tell_of_champion(Verdict.model_validate(output), context)
        return output

    def tell_of_champion(self, verdict: Verdict, context: Context) -> None:
        """Notify people when the champion fails its own gates and no challenger passes them all."""
        from airworthy.alerts.champion_alerts import champion_fails
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify

        alert = champion_fails(verdict, task_links(context))
        if alert is not None:
            notify(alert, verdict.run_id, self.log)


class RegisterOperator(StageOperator):
    """Registers the challenger, approved or rejected, once per idempotency key."""

    stage: ClassVar[str] = "register"
    task_doc_md: ClassVar[str] = (
        "Registers one version per data digest, code and parameters: a retry returns the same version. A rejected "
        "candidate is registered too, and can never take an alias."
    )
    ui_color = "#ece4f7"
    operator_extra_links = RELEASE_LINKS
