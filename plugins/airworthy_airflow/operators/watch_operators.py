"""The operators of a champion's watch and of a rollback drill."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)

from airworthy.handover import DrillResult, RunRequest, WatchStatus
from airworthy_airflow.operators.release_operators import RollbackOperator
from airworthy_airflow.operators.stage_operator import StageOperator
from airworthy_airflow.operators.watch_poll import (
    LOST_PAUSE,
    MAX_LOST_POLLS,
    next_look,
    watch_lines,
)

if TYPE_CHECKING:
    from airflow.sdk import Context


class WatchOperator(StageOperator):
    """Looks at the champion, and frees its worker until the next look. Succeeds when the watch is over or tripped."""

    stage: ClassVar[str] = "watch"
    defers: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Watches a new champion for the spec's `release.watch`: errors, latency and, where labels came in, quality, "
        "over all model servers. It looks often at first, and each five minutes later. Between two looks it holds no "
        "worker. When the guard trips, people are told, and the next task gives the traffic back. **Skipped** when the "
        "champion is not watched, such as after a rollback."
    )
    ui_color = "#e3ecc8"

    def __init__(self, **kwargs: Any) -> None:
        # A day of looks meets more passing failures than one stage.
        super().__init__(
            **{
                "retries": MAX_LOST_POLLS,
                "retry_delay": LOST_PAUSE,
                "retry_exponential_backoff": 0.0,
                **kwargs,
            }
        )

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Look once.

        Raises:
            AirflowRescheduleException: while the watch is not over.
            AirflowSkipException: when the champion is not watched.
        """
        output = super().run_stage(run, context)
        status = WatchStatus.model_validate(output)
        for line in watch_lines(status):
            self.log.info("%s", line)
        if status.state == "none":
            raise AirflowSkipException("; ".join(status.reasons))
        if status.state == "watching":
            look_at = next_look(status, datetime.now(UTC))
            raise AirflowRescheduleException(look_at)  # type: ignore[no-untyped-call]  # Airflow has not typed it
        if status.state == "tripped":
            _tell_of_trip(self, status, run, context)
        return output


class WatchRollbackOperator(RollbackOperator):
    """Goes back from a watched champion that the guard found bad. Else it is skipped.

    Its input `watch_status` is the output of the watch.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Roll back, if the watch tripped.

        Raises:
            AirflowSkipException: when it did not.
            AirflowFailException: when it cannot be done; the champion stays.
            AirflowException: when it may be done on a later try.
        """
        from airworthy.release.watch_record import rollback_of

        status = WatchStatus.model_validate(self.inputs["watch_status"])
        if status.state != "tripped":
            raise AirflowSkipException("the champion stays: its watch did not trip")
        self.inputs = {"rollback_request": rollback_of(status)}
        return StageOperator.execute(self, cast("Context", {**context, "params": {}}))


class RollbackDrillOperator(StageOperator):
    """Rehearses a rollback in staging. Notifies people and fails when it did not go well."""

    stage: ClassVar[str] = "rollback_drill"
    task_doc_md: ClassVar[str] = (
        "Loads the version that a rollback would go back to in staging, compares its answers with its offline "
        "predictions, and does the same with the champion. Both ways are timed and recorded in the ledger. Traffic is "
        "never touched. **Failed**, and people are told, when a rollback would not go well."
    )
    ui_color = "#f9dcdc"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Carry out the drill.

        Raises:
            AirflowFailException: when it did not go well.
        """
        output = super().run_stage(run, context)
        result = DrillResult.model_validate(output)
        if not result.passed:
            from airworthy.alerts.watch_alerts import failed_drill
            from airworthy_airflow.alerts.alert_links import version_links
            from airworthy_airflow.alerts.notify import notify

            links = version_links(context, result.model, result.predecessor)
            notify(failed_drill(result, run.run_id, links), run.run_id, self.log)
            raise AirflowFailException("; ".join(result.reasons))
        return output


def _tell_of_trip(
    operator: WatchOperator, status: WatchStatus, run: RunRequest, context: Context
) -> None:
    from airworthy.alerts.watch_alerts import watch_trip
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import notify

    links = version_links(context, status.model, str(status.version))
    notify(watch_trip(status, links), run.run_id, operator.log)
