"""Moves the champion alias and swaps the served model."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage import StageOperator


class DeployProductionOperator(StageOperator):
    """Moves the champion alias and swaps the served model."""

    stage: ClassVar[str] = "deploy_production"
    doc: ClassVar[str] = (
        "Moves `champion` to the version, if the champion is still the one that the verdict compared with, swaps "
        "the model in the server without dropping a request, and checks that the server answers with it."
    )
    ui_color = "#cfe8e6"
