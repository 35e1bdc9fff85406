"""Judges the challenger against champion, baseline and gates."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.links import MlflowRunLink, ModelReportLink, VerdictLink
from airworthy_airflow.operators.stage import StageOperator


class EvaluateOperator(StageOperator):
    """Judges the challenger against champion, baseline and gates; the stage logs the verdict as a table."""

    stage: ClassVar[str] = "evaluate"
    doc: ClassVar[str] = (
        "Measures challenger, champion and baseline on the same frozen holdout rows and holds them "
        "against the spec's gates. The task succeeds whatever the verdict: a rejected challenger is "
        "registered as rejected and its release is skipped. The verdict is in the task's log and behind its buttons."
    )
    ui_color = "#fbe6d4"
    operator_extra_links = (VerdictLink(), ModelReportLink(), MlflowRunLink())
