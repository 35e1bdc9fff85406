"""Compares the live inputs with what the champion was trained on."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.monitor import MonitorOperator


class CheckSkewOperator(MonitorOperator):
    """Compares the live inputs with what the champion was trained on."""

    stage: ClassVar[str] = "check_skew"
    doc: ClassVar[str] = (
        "Compares the live inputs with what the champion was trained on, windows of the same weekday and hours with "
        "each other. What counts is how far a column moved beyond how such windows differ anyway, in columns that the "
        "champion listens to. Evidently draws the page that is kept with the champion's MLflow run."
    )
