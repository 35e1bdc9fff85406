"""Compares the live inputs with recent production."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.monitor import MonitorOperator


class CheckDriftOperator(MonitorOperator):
    """Compares the live inputs with recent production."""

    stage: ClassVar[str] = "check_drift"
    doc: ClassVar[str] = (
        "Compares the live inputs with recent production, windows of the same weekday and hours with each other, by "
        "the same measures as check_skew."
    )
