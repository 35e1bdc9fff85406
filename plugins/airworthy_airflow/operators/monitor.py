"""The operator under those that watch production: its runs look at a moment, not at whole days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airworthy.handover import RunRequest
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


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
