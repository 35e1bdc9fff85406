"""Loads an approved version beside the champion and compares its answers with the offline predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airworthy.handover import RunRequest, Verdict, VersionRef
from airworthy.release.decision import reasons_against
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeployStagingOperator(StageOperator):
    """Skips, with its reasons, when the verdict or the run's parameters hold the release; else checks parity."""

    stage: ClassVar[str] = "deploy_staging"
    doc: ClassVar[str] = (
        "Loads the version in the model server beside the champion, sends it holdout rows over HTTP and compares "
        "the answers with the offline predictions. **Skipped** when a gate failed, when the run was started with "
        "`promote: never`, and for a backfill that was not asked to release; the task's log gives the reasons."
    )
    ui_color = "#d9f2f0"

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Check parity, or skip the release.

        Raises:
            AirflowSkipException: when the release is held; its message has every reason.
        """
        verdict = Verdict.model_validate(self.handed["verdict"])
        version = VersionRef.model_validate(self.handed["version"])
        held = reasons_against(
            run,
            releasable=verdict.releasable,
            gate_reasons=verdict.reasons,
            status=version.validation_status,
            champion_as_of=None,  # Production looks: it alone sees the champion of the moment.
        )
        if held:
            message = "the release is held, the champion stays:\n" + "\n".join(f"  - {reason}" for reason in held)
            self.log.warning("%s: %s", self.model, message)
            raise AirflowSkipException(message)
        return super().run_stage(run, context)
