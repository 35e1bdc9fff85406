"""Moves the champion alias and swaps the served model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airworthy.handover import Deployment, RunRequest
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeployProductionOperator(StageOperator):
    """Moves the champion alias and swaps the served model."""

    stage: ClassVar[str] = "deploy_production"
    doc: ClassVar[str] = (
        "Moves `champion` to the version, if the champion is still the one that the verdict compared with, swaps "
        "the model in the server without dropping a request, and checks that the server answers with it."
    )
    ui_color = "#cfe8e6"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Release the version.

        Raises:
            AirflowSkipException: when something that only shows against the champion of the moment held it.
        """
        handed = super().run_stage(run, context)
        deployment = Deployment.model_validate(handed)
        if not deployment.promoted:
            raise AirflowSkipException(f"the release is held, the champion stays: {deployment.reason}")
        self.log.info("%s: version %s serves (was %s)", run.model, deployment.version, deployment.previous_version)
        return handed
