"""The operators of a monitor run: what production left is collected and checked, and a decision is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airworthy.environment import load_environment
from airworthy.handover import RunRequest
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CollectOperator(StageOperator):
    """Brings what production left into the lake: logged predictions, and the newest partitions with their labels."""

    stage: ClassVar[str] = "ingest"
    task_doc_md: ClassVar[str] = (
        "Brings the prediction log of this machine's model server into the lake, each prediction once, and ingests the "
        "partitions that are missing or may have got labels since."
    )
    ui_color = "#dcecf9"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Collect the prediction log, then ingest."""
        from airworthy.predictions.collect import collect

        found = collect(load_environment(), run.model)
        self.log.info(
            "%s: %d predictions and %d labels collected", run.model, found.predictions, found.labels
        )
        return super().run_stage(run, context)


class CheckAgeOperator(StageOperator):
    """Tells when the champion is too old or the data are too late; that is no failure of the run."""

    stage: ClassVar[str] = "check_age"
    whole_days: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Holds the champion's age (from the end of the data that it was trained on) and the data's delay (from the end "
        "of the newest day with rows) against the spec's `alerts`, in the data's own time. Each champion and each "
        "last day is told of once. Runs also when nothing could be collected."
    )
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Measure both, and tell what is over its limit."""
        from airworthy.alerts.factories import too_old
        from airworthy.handover import AgeCheck
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import tell

        handed = super().run_stage(run, context)
        for alert in too_old(AgeCheck.model_validate(handed), task_links(context)):
            tell(alert, run.run_id, self.log)
        return handed


class CheckDataOperator(StageOperator):
    """Finds the newest complete window of production and holds its inputs against the expectations."""

    stage: ClassVar[str] = "check_data"
    whole_days: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Finds the newest complete window of production, in the prediction log or in the lake, and runs the spec's "
        "expectations on it. What fails is in the log and in the evidence; what drifts may well break an expectation, "
        "so the checks that follow look all the same."
    )
    ui_color = "#e6efd8"


class MonitorOperator(StageOperator):
    """Runs a check on the live window that ``check_data`` found; skipped when the window was decided on before."""

    whole_days: ClassVar[bool] = False
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the check.

        Raises:
            AirflowSkipException: when the window was decided on before: it is judged once.
        """
        if self.handed["data_check"]["window"]["decided"]:
            raise AirflowSkipException("the newest complete window was decided on before")
        return super().run_stage(run, context)


class CheckSkewOperator(MonitorOperator):
    """Compares the live inputs with what the champion was trained on."""

    stage: ClassVar[str] = "check_skew"
    task_doc_md: ClassVar[str] = (
        "Compares the live inputs with what the champion was trained on, windows of the same weekday and hours with "
        "each other. What counts is how far a column moved beyond how such windows differ anyway, in columns that the "
        "champion listens to. Evidently draws the page that is kept with the champion's MLflow run."
    )


class CheckDriftOperator(MonitorOperator):
    """Compares the live inputs with recent production."""

    stage: ClassVar[str] = "check_drift"
    task_doc_md: ClassVar[str] = (
        "Compares the live inputs with recent production, windows of the same weekday and hours with each other, by "
        "the same measures as check_skew."
    )


class CheckPerformanceOperator(MonitorOperator):
    """Measures the champion on labels that have arrived."""

    stage: ClassVar[str] = "check_performance"
    task_doc_md: ClassVar[str] = (
        "Measures the champion on the newest window whose labels are known, against what its holdout promised, and "
        "looks whether the labels themselves have moved."
    )


class DecideOperator(MonitorOperator):
    """Decides whether the champion is to be trained again."""

    stage: ClassVar[str] = "decide"
    task_doc_md: ClassVar[str] = (
        "Decides whether the champion is to be trained again: a signal must fire in enough windows, not too soon after "
        "the last training, and not after too many refused challengers. Every input and the outcome go into the ledger "
        "(`drift_decision`) and onto the champion's MLflow run, folder `monitoring`."
    )
