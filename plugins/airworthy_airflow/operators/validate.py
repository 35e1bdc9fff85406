"""Holds the dataset version against its expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, RunRequest
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateOperator(StageOperator):
    """Holds the dataset version against its expectations; people are told of data that break a critical one."""

    stage: ClassVar[str] = "validate"
    doc: ClassVar[str] = (
        "Runs the spec's Great Expectations suite on the dataset version and compares its distribution with the "
        "champion's training data. A critical failure stops the run here; the champion stays."
    )
    ui_color = "#dff3e4"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Validate.

        Raises:
            TerminalError: when a critical check failed.
            TransientError: when the lake or MLflow cannot be reached.
        """
        try:
            return super().run_stage(run, context)
        except TerminalError as error:
            self._tell(error, run, context)
            raise

    def _tell(self, error: TerminalError, run: RunRequest, context: Context) -> None:
        from airworthy.alerts.making import failed_validation
        from airworthy_airflow.alerts.evidence import task_links
        from airworthy_airflow.alerts.telling import tell

        if "dataset" not in self.handed:
            return
        dataset = DatasetRef.model_validate(self.handed["dataset"])
        tell(failed_validation(run.model, dataset.id, error, task_links(context)), run.run_id, self.log)
