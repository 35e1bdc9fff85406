"""Puts the champion's predictions into the lake."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage import StageOperator


class ScoreOperator(StageOperator):
    """Puts the champion's predictions into the lake."""

    stage: ClassVar[str] = "score"
    doc: ClassVar[str] = (
        "Checks the digest of the version's files, and scores the window a day at a time, each in one atomic commit, "
        "into the table `batch_predictions` of the model's lake. A day whose rows this version has scored is left "
        "alone; another champion or restated rows replace it. Rows that cannot be scored go to `batch_quarantine` "
        "with the reason."
    )
    ui_color = "#e9e0f5"
