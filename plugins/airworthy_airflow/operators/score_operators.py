"""The operators of a score run."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage_operator import StageOperator


class IngestInputsOperator(StageOperator):
    """Settles the version and the rows of a score run, and brings the rows into the lake."""

    stage: ClassVar[str] = "ingest_inputs"
    task_doc_md: ClassVar[str] = (
        "Looks up the champion, by which the whole run scores whatever becomes of it meanwhile, and makes sure that "
        "every day of the window is in the lake: reads only what is missing or may have been restated, each day in one "
        "atomic commit. Bad rows go to quarantine. Hands over the version and the rows, pinned."
    )
    ui_color = "#dcecf9"


class ScoreOperator(StageOperator):
    """Puts the champion's predictions into the lake."""

    stage: ClassVar[str] = "score"
    task_doc_md: ClassVar[str] = (
        "Checks the digest of the version's files, and scores the window a day at a time, each in one atomic commit, "
        "into the table `batch_predictions` of the model's lake. A day whose rows this version has scored is left "
        "alone; another champion or restated rows replace it. Rows that cannot be scored go to `batch_quarantine` "
        "with the reason."
    )
    ui_color = "#e9e0f5"
