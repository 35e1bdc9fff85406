"""Settles which version scores which rows, and brings the rows into the lake."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage import StageOperator


class IngestInputsOperator(StageOperator):
    """Settles which version scores which rows, and brings the rows into the lake."""

    stage: ClassVar[str] = "ingest_inputs"
    doc: ClassVar[str] = (
        "Looks up the champion, by which the whole run scores whatever becomes of it meanwhile, and makes sure that "
        "every day of the window is in the lake: reads only what is missing or may have been restated, each day in one "
        "atomic commit. Bad rows go to quarantine. Hands over the version and the rows, pinned."
    )
    ui_color = "#dcecf9"
