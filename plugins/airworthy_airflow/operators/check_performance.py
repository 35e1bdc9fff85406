"""Measures the champion on labels that have arrived."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.monitor import MonitorOperator


class CheckPerformanceOperator(MonitorOperator):
    """Measures the champion on labels that have arrived."""

    stage: ClassVar[str] = "check_performance"
    doc: ClassVar[str] = (
        "Measures the champion on the newest window whose labels are known, against what its holdout promised, and "
        "looks whether the labels themselves have moved."
    )
