"""Judges the challenger against champion, baseline and gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airworthy.handover import RunRequest, Verdict
from airworthy_airflow.links import MlflowRunLink
from airworthy_airflow.operators.stage import StageOperator
from airworthy_airflow.verdict_table import verdict_table

if TYPE_CHECKING:
    from airflow.sdk import Context


class EvaluateOperator(StageOperator):
    """Judges the challenger against champion, baseline and gates; the verdict is in the log as a table."""

    stage: ClassVar[str] = "evaluate"
    doc: ClassVar[str] = (
        "Measures challenger, champion and baseline on the same frozen holdout rows and holds them against the "
        "spec's gates. The task succeeds whatever the verdict: a rejected challenger is registered as rejected and "
        "its release is skipped."
    )
    ui_color = "#fbe6d4"
    operator_extra_links = (MlflowRunLink(),)

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the stage and log its verdict."""
        handed = super().run_stage(run, context)
        self.log.info("%s", verdict_table(Verdict.model_validate(handed)))
        return handed
