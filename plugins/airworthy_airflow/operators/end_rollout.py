"""Makes sure that a run leaves no rollout on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

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
        "through there is nothing to do."
    )
    ui_color = "#e3ecc8"

    def __init__(self, *, step: WatchedStep, **kwargs: Any) -> None:
        super().__init__(**{"retries": 10, **kwargs})
        self.step = step

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Give all traffic back to the champion, if a rollout of this run is on; hand over how it ended, if it did."""
        self.handed["rollout_request"] = {"step": self.step, "stop": "the run ended before its rollout did"}
        handed = super().run_stage(run, context)
        status = RolloutStatus.model_validate(handed)
        if status.since is None:
            self.log.info("no rollout of this run was left on")
            return {}
        for line in status_lines(status):
            self.log.info("%s", line)
        return handed
