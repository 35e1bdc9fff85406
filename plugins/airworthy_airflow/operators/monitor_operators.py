"""The operators of a monitor run: they collect live rows, check them and decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airworthy.environment import load_environment
from airworthy.handover import RunRequest
from airworthy_airflow.links import MODEL_LINKS, EvidentlyReportLink, MlflowVersionLink
from airworthy_airflow.operators.ingest_news import IngestsSource
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CollectOperator(IngestsSource):
    """Brings logged predictions and the newest partitions with their labels into the lake.

    The model server logs by `airworthy.predictions.spool`; `airworthy.predictions.collect` reads
    it.
    """

    stage: ClassVar[str] = "ingest"
    task_doc_md: ClassVar[str] = (
        "Brings the prediction log of this machine's model server into the lake, each prediction once, and ingests the "
        "partitions that are missing or may have got labels since."
    )
    ui_color = "#dcecf9"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Collect the prediction log, then ingest."""
        from airworthy.predictions.collect import collect

        result = collect(load_environment(), run.model)
        self.log.info(
            "%s: %d predictions and %d labels collected",
            run.model,
            result.predictions,
            result.labels,
        )
        return super().run_stage(run, context)


class CheckAgeOperator(StageOperator):
    """Notifies people when the champion is too old or the data are too late. The run goes on."""

    stage: ClassVar[str] = "check_age"
    whole_days: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Holds the champion's age (from the end of the data that it was trained on) and the data's delay (from the end "
        "of the newest day with rows) against the spec's `alerts`, in the data's own time. Each champion and each "
        "last day is told of once. Runs also when nothing could be collected."
    )
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Measure both, and notify people of what is over its limit."""
        from airworthy.alerts.factories import too_old
        from airworthy.handover import AgeCheck
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify

        output = super().run_stage(run, context)
        for alert in too_old(AgeCheck.model_validate(output), task_links(context)):
            notify(alert, run.run_id, self.log)
        return output


class CheckDataOperator(StageOperator):
    """Checks the newest complete live window against the expectations, and tells of a critical failure."""

    stage: ClassVar[str] = "check_data"
    whole_days: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Finds the newest complete window of production, in the prediction log or in the lake, and runs the spec's "
        "expectations on it. Failures are in the log and in the evidence, and people are told of a critical one. Drift "
        "may well break an expectation, so the next checks run all the same."
    )
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Check the window, and notify people of a broken critical expectation."""
        from airworthy.alerts.live_alerts import live_expectation
        from airworthy.handover import DataCheck
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify_of

        output = super().run_stage(run, context)
        notify_of(
            lambda: live_expectation(DataCheck.model_validate(output), task_links(context)),
            run.run_id,
            self.log,
        )
        return output


class CheckRequestsOperator(StageOperator):
    """Tells people when too many rows of requests were outside the contract since the last look."""

    stage: ClassVar[str] = "check_requests"
    whole_days: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Adds up what the model servers have counted since the monitor's last look: rows of requests, and rows outside "
        "what the spec allows of a column, such as numbers that are not finite. People are told when the share is over "
        "`alerts.invalid_requests_max_share`. Runs also when nothing could be collected."
    )
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Count, and notify people of a share over its limit."""
        from airworthy.alerts.live_alerts import invalid_requests
        from airworthy.handover import RequestCheck
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify_of

        output = super().run_stage(run, context)
        notify_of(
            lambda: invalid_requests(RequestCheck.model_validate(output), task_links(context)),
            run.run_id,
            self.log,
        )
        return output


class MonitorOperator(StageOperator):
    """Runs a check on the live window of ``check_data``. A window with a decision is skipped."""

    whole_days: ClassVar[bool] = False
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the check.

        Raises:
            AirflowSkipException: when there is a decision on the window: each is checked once.
        """
        if self.inputs["data_check"]["window"]["decided"]:
            raise AirflowSkipException("the newest complete window was decided on before")
        return super().run_stage(run, context)


class CheckSkewOperator(MonitorOperator):
    """Compares the live inputs with the champion's training data; see `airworthy.monitoring.drift_rule`."""

    stage: ClassVar[str] = "check_skew"
    operator_extra_links = (*MODEL_LINKS, EvidentlyReportLink())
    task_doc_md: ClassVar[str] = (
        "Compares the live inputs with what the champion was trained on, windows of the same weekday and hours with "
        "each other. A column counts by its shift beyond the usual difference between such windows, if the champion "
        "uses it. Evidently's page of both is behind *Evidently report*, and with the champion's MLflow run."
    )


class CheckDriftOperator(MonitorOperator):
    """Compares the live inputs with recent live rows; see `airworthy.monitoring.drift_rule`."""

    stage: ClassVar[str] = "check_drift"
    operator_extra_links = (*MODEL_LINKS, EvidentlyReportLink())
    task_doc_md: ClassVar[str] = (
        "Compares the live inputs with recent production, windows of the same weekday and hours with each other, by "
        "the same measures as check_skew."
    )


class CheckPerformanceOperator(MonitorOperator):
    """Measures the champion on labels that have arrived; see `airworthy.monitoring.loss_rise`."""

    stage: ClassVar[str] = "check_performance"
    task_doc_md: ClassVar[str] = (
        "Measures the champion on the newest window whose labels are known, against what its holdout promised, and "
        "looks whether the labels themselves have moved."
    )


class DecideOperator(MonitorOperator):
    """Decides whether to train again; the rule is in `airworthy.monitoring.retraining_rule`."""

    stage: ClassVar[str] = "decide"
    operator_extra_links = (*MODEL_LINKS, EvidentlyReportLink(), MlflowVersionLink())
    task_doc_md: ClassVar[str] = (
        "Decides whether the champion is to be trained again: a signal must fire in enough windows, not too soon after "
        "the last training, and not after too many refused challengers. Every input and the outcome go into the ledger "
        "(`drift_decision`) and onto the champion's MLflow run, folder `monitoring`. People are told when nothing "
        "could be judged in several windows in a row."
    )

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Decide, and notify people of a blind monitor."""
        from airworthy.alerts.live_alerts import blind_monitor
        from airworthy.handover import DriftDecision
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify_of

        output = super().run_stage(run, context)
        notify_of(
            lambda: blind_monitor(DriftDecision.model_validate(output), task_links(context)),
            run.run_id,
            self.log,
        )
        return output
