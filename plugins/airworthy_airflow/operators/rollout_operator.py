"""The operators of a rollout: one watches a step, the other makes sure that the run leaves no rollout on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)

from airworthy.handover import RolloutStatus, RunRequest, WatchedStep
from airworthy_airflow.operators.rollout_poll import next_look, status_lines
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airworthy_airflow.alerts.notify import Log


class RolloutOperator(StageOperator):
    """Looks once, and lets go of its worker until the next look; what comes after starts when the step ended well.

    Each look is a run of the operation `rollout`, which begins the step when nothing has: a task that was killed goes
    on where the step is.

    Args:
        step: ``shadow``, or the percentage of the requests that the version answers.
        kwargs: As every `StageOperator` takes.
    """

    stage: ClassVar[str] = "rollout"
    task_doc_md: ClassVar[str] = (
        "Sets the flags of this step and watches the version for the spec's `bake` time: errors, latency, predictions "
        "and, where labels came in, quality, against the champion in the same step. Between two looks it holds no "
        "worker. **Failed** when the guard tripped: all traffic is back on the champion, and a person must look. "
        "**Skipped** when something speaks against the version, such as an approval that is not in the ledger."
    )
    ui_color = "#e3ecc8"

    def __init__(self, *, step: WatchedStep, **kwargs: Any) -> None:
        # Hours of looks meet more failures that pass than one stage does.
        super().__init__(**{"retries": 10, **kwargs})
        self.step = step

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Look at the step.

        Raises:
            AirflowRescheduleException: while its time is not over, or another run's rollout is on.
            AirflowFailException: when the guard tripped.
            AirflowSkipException: when nothing was begun, because something speaks against the version.
        """
        self.handed["rollout_request"] = {"step": self.step}
        handed = super().run_stage(run, context)
        status = RolloutStatus.model_validate(handed)
        for line in status_lines(status):
            self.log.info("%s", line)
        reasons = "\n".join(f"  - {reason}" for reason in status.reasons)
        if status.state == "tripped":
            _tell(status, run, context, self.log)
            raise AirflowFailException(
                f"the rollout is over, the champion has all of the traffic:\n{reasons}"
            )
        if status.state == "held":
            raise AirflowSkipException(f"the release is held, the champion stays:\n{reasons}")
        if status.state != "done":
            look_at = next_look(status, datetime.now(UTC))
            raise AirflowRescheduleException(look_at)  # type: ignore[no-untyped-call]  # Airflow has not typed it
        return handed


class EndRolloutOperator(StageOperator):
    """Ends the run's rollout when one is still on: after a failure, or when the run was stopped by hand.

    Args:
        step: The step that is named in the record when a rollout is ended.
        kwargs: As every `StageOperator` takes.
    """

    stage: ClassVar[str] = "rollout"
    task_doc_md: ClassVar[str] = (
        "Runs last, whatever became of the others, also when the run was marked as failed. A rollout of this run that "
        "is still on then has nobody to watch it: all traffic goes back to the champion. After a release that went "
        "through there is nothing to do. **Failed** when another task of the run failed: the run ends as this does."
    )
    ui_color = "#e3ecc8"

    def __init__(self, *, step: WatchedStep, **kwargs: Any) -> None:
        super().__init__(**{"retries": 10, **kwargs})
        self.step = step

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Give all traffic back to the champion, if a rollout of this run is on; hand over how it ended, if it did.

        Raises:
            AirflowFailException: when it is done, and a task of the run had failed.
        """
        self.handed["rollout_request"] = {
            "step": self.step,
            "stop": "the run ended before its rollout did",
        }
        handed = super().run_stage(run, context)
        status = RolloutStatus.model_validate(handed)
        lines = (
            status_lines(status)
            if status.since is not None
            else ["no rollout of this run was left on"]
        )
        for line in lines:
            self.log.info("%s", line)
        failed = failed_tasks(context)
        if failed:
            raise AirflowFailException(
                f"the champion has all of the traffic; the run failed at {', '.join(failed)}"
            )
        return handed if status.since is not None else {}


def failed_tasks(context: Context) -> list[str]:
    """Return the run's tasks that failed."""
    ti, run_id = context["ti"], context["dag_run"].run_id
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])[run_id]
    return sorted(task for task, state in states.items() if state == "failed")


def _tell(status: RolloutStatus, run: RunRequest, context: Context, log: Log) -> None:
    from airworthy.alerts.factories import guard_trip
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import tell

    tell(
        guard_trip(status, run.run_id, version_links(context, status.model, status.version)),
        run.run_id,
        log,
    )
