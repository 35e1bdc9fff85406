"""The operators of a rollout: one polls a step, the other ends a rollout left on by its run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)

from airworthy.handover import GuardedStep, RolloutStatus, RunRequest
from airworthy_airflow.links import RELEASE_LINKS
from airworthy_airflow.operators.release_news import is_release, tell_of_hold
from airworthy_airflow.operators.rollout_poll import next_poll, status_lines
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airworthy_airflow.alerts.notify import Log


class RolloutOperator(StageOperator):
    """Polls a rollout step once, and frees its worker until the next poll. Succeeds when the step ended well.

    Each poll runs the stage `rollout`. It begins the step when nothing has, so a killed task goes
    on with the step. The canary's share is in `airworthy.release.rollout_flags`.

    Args:
        step: ``shadow``, or the percentage of the requests that the version answers.
        kwargs: As every `StageOperator` takes.
    """

    stage: ClassVar[str] = "rollout"
    defers: ClassVar[bool] = False
    task_doc_md: ClassVar[str] = (
        "Sets the flags of this step and watches the version for the spec's `bake` time: errors, latency, predictions "
        "and, where labels came in, quality, against the champion in the same step. Between two looks it holds no "
        "worker. **Failed** when the guard tripped: all traffic is back on the champion, and a person must look. "
        "**Skipped** when something speaks against the version, such as an approval that is not in the ledger."
    )
    ui_color = "#e3ecc8"
    operator_extra_links = RELEASE_LINKS

    def __init__(self, *, step: GuardedStep, **kwargs: Any) -> None:
        # Hours of polls meet more passing failures than one stage.
        super().__init__(**{"retries": 10, **kwargs})
        self.step = step

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Poll the step.

        Raises:
            AirflowRescheduleException: while its time is not over, or another run's rollout is on.
            AirflowFailException: when the guard tripped.
            AirflowSkipException: when a blocker kept the step from beginning.
        """
        self.inputs["rollout_request"] = {"step": self.step}
        output = super().run_stage(run, context)
        status = RolloutStatus.model_validate(output)
        for line in status_lines(status):
            self.log.info("%s", line)
        reasons = "\n".join(f"  - {reason}" for reason in status.reasons)
        if status.state == "tripped":
            _notify(status, run, context, self.log)
            raise AirflowFailException(
                f"the rollout is over, the champion has all of the traffic:\n{reasons}"
            )
        if status.state == "held":
            if is_release(run):
                tell_of_hold(self.model, status.version, status.reasons, context, self.log)
            raise AirflowSkipException(f"the release is held, the champion stays:\n{reasons}")
        if status.state != "done":
            poll_at = next_poll(status, datetime.now(UTC))
            raise AirflowRescheduleException(poll_at)  # type: ignore[no-untyped-call]  # Airflow has not typed it
        return output


class EndRolloutOperator(StageOperator):
    """Ends the run's rollout when it is still on: after a failure, or after a stop by hand.

    Args:
        step: The step for the record of an ended rollout.
        kwargs: As every `StageOperator` takes.
    """

    stage: ClassVar[str] = "rollout"
    task_doc_md: ClassVar[str] = (
        "Runs last, whatever became of the others, also when the run was marked as failed. A rollout of this run that "
        "is still on then has nobody to watch it: all traffic goes back to the champion. After a release that went "
        "through there is nothing to do. **Failed** when another task of the run failed: the run ends as this does."
    )
    ui_color = "#e3ecc8"
    operator_extra_links = RELEASE_LINKS

    def __init__(self, *, step: GuardedStep, **kwargs: Any) -> None:
        super().__init__(**{"retries": 10, **kwargs})
        self.step = step

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Give all traffic back to the champion if a rollout of this run is on. The output is its end, if any.

        Raises:
            AirflowFailException: when that is done, and a task of the run had failed.
        """
        self.inputs["rollout_request"] = {
            "step": self.step,
            "stop": "the run ended before its rollout did",
        }
        output = super().run_stage(run, context)
        status = RolloutStatus.model_validate(output)
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
        return output if status.since is not None else {}


def failed_tasks(context: Context) -> list[str]:
    """Return the failed tasks of the run."""
    ti, run_id = context["ti"], context["dag_run"].run_id
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])[run_id]
    return sorted(task for task, state in states.items() if state == "failed")


def _notify(status: RolloutStatus, run: RunRequest, context: Context, log: Log) -> None:
    from airworthy.alerts.factories import guard_trip
    from airworthy_airflow.alerts.alert_links import version_links
    from airworthy_airflow.alerts.notify import notify

    links = version_links(context, status.model, status.version)
    notify(guard_trip(status, run.run_id, links), run.run_id, log)
