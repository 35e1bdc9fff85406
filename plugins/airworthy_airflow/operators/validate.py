"""Holds the dataset version against its expectations."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage import StageOperator


class ValidateOperator(StageOperator):
    """Holds the dataset version against its expectations."""

    stage: ClassVar[str] = "validate"
    doc: ClassVar[str] = (
        "Runs the spec's Great Expectations suite on the dataset version and compares its distribution with the "
        "champion's training data. A critical failure stops the run here; the champion stays."
    )
    ui_color = "#dff3e4"
