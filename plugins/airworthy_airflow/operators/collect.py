"""Brings what production left into the lake: logged predictions, and the newest partitions with their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airworthy.environment import load_environment
from airworthy.handover import RunRequest
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CollectOperator(StageOperator):
    """Brings what production left into the lake: logged predictions, and the newest partitions with their labels."""

    stage: ClassVar[str] = "ingest"
    doc: ClassVar[str] = (
        "Brings the prediction log of this machine's model server into the lake, each prediction once, and ingests the "
        "partitions that are missing or may have got labels since."
    )
    ui_color = "#dcecf9"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Collect the prediction log, then ingest."""
        from airworthy.predictions.collect import collect

        found = collect(load_environment(), run.model)
        self.log.info("%s: %d predictions and %d labels collected", run.model, found.predictions, found.labels)
        return super().run_stage(run, context)
