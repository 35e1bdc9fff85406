"""Finds the newest complete window of production and holds its inputs against the expectations."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage import StageOperator


class CheckDataOperator(StageOperator):
    """Finds the newest complete window of production and holds its inputs against the expectations."""

    stage: ClassVar[str] = "check_data"
    whole_days: ClassVar[bool] = False
    doc: ClassVar[str] = (
        "Finds the newest complete window of production, in the prediction log or in the lake, and runs the spec's "
        "expectations on it. What fails is in the log and in the evidence; what drifts may well break an expectation, "
        "so the checks that follow look all the same."
    )
    ui_color = "#e6efd8"
