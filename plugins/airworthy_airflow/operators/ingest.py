"""Makes sure that every partition of the run's window is in the lake."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.stage import StageOperator


class IngestOperator(StageOperator):
    """Makes sure that every partition of the run's window is in the lake."""

    stage: ClassVar[str] = "ingest"
    doc: ClassVar[str] = (
        "Makes sure that every day of the window is in the lake: reads only what is missing or may have been "
        "restated, each day in one atomic commit. Bad rows go to quarantine. Hands over the dataset version and "
        "its digest."
    )
    ui_color = "#dcecf9"
