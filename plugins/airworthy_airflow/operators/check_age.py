"""Tells when the champion is too old or the data are too late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airworthy.handover import RunRequest
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckAgeOperator(StageOperator):
    """Tells when the champion is too old or the data are too late; that is no failure of the run."""

    stage: ClassVar[str] = "check_age"
    whole_days: ClassVar[bool] = False
    doc: ClassVar[str] = (
        "Holds the champion's age (from the end of the data that it was trained on) and the data's delay (from the end "
        "of the newest day with rows) against the spec's `alerts`, in the data's own time. Each champion and each "
        "last day is told of once. Runs also when nothing could be collected."
    )
    ui_color = "#e6efd8"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Measure both, and tell what is over its limit."""
        from airworthy.alerts.making import too_old
        from airworthy.handover import AgeCheck
        from airworthy_airflow.alerts.evidence import task_links
        from airworthy_airflow.alerts.telling import tell

        handed = super().run_stage(run, context)
        for alert in too_old(AgeCheck.model_validate(handed), task_links(context)):
            tell(alert, run.run_id, self.log)
        return handed
