"""Makes sure that a run leaves no rollout on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException

from airworthy.handover import RolloutStatus, RunRequest, WatchedStep
from airworthy_airflow.looks import status_lines
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class EndRolloutOperator(StageOperator):
    """Ends the run's rollout when one is still on: after a failure, or when the run was stopped by hand.

    Args:
        step: The step that is named in the record when a rollout is ended.
        kwargs: As every `StageOperator` takes.
    """

    stage: ClassVar[str] = "rollout"
    doc: ClassVar[str] = (
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
        self.handed["rollout_request"] = {"step": self.step, "stop": "the run ended before its rollout did"}
        handed = super().run_stage(run, context)
        status = RolloutStatus.model_validate(handed)
        lines = status_lines(status) if status.since is not None else ["no rollout of this run was left on"]
        for line in lines:
            self.log.info("%s", line)
        failed = failed_tasks(context)
        if failed:
            raise AirflowFailException(f"the champion has all of the traffic; the run failed at {', '.join(failed)}")
        return handed if status.since is not None else {}


def failed_tasks(context: Context) -> list[str]:
    """Return the run's tasks that failed."""
    ti, run_id = context["ti"], context["dag_run"].run_id
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])[run_id]
    return sorted(task for task, state in states.items() if state == "failed")
