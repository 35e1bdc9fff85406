"""The operators that change which version serves: staging, production, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airworthy.handover import Deployment, RunRequest, Verdict, VersionRef
from airworthy.release.blockers import release_blockers
from airworthy_airflow.links import MlflowVersionLink
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeployStagingOperator(StageOperator):
    """Skips, with its reasons, when the verdict or the run's parameters hold the release; else checks parity."""

    stage: ClassVar[str] = "deploy_staging"
    task_doc_md: ClassVar[str] = (
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
        held = release_blockers(
            run,
            releasable=verdict.releasable,
            gate_reasons=verdict.reasons,
            status=version.validation_status,
            champion_as_of=None,  # Production looks: it alone sees the champion of the moment.
        )
        if held:
            message = "the release is held, the champion stays:\n" + "\n".join(
                f"  - {reason}" for reason in held
            )
            self.log.warning("%s: %s", self.model, message)
            raise AirflowSkipException(message)
        return super().run_stage(run, context)


class DeployProductionOperator(StageOperator):
    """Moves the champion alias and swaps the served model."""

    stage: ClassVar[str] = "deploy_production"
    task_doc_md: ClassVar[str] = (
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
            raise AirflowSkipException(
                f"the release is held, the champion stays: {deployment.reason}"
            )
        self.log.info(
            "%s: version %s serves (was %s)",
            run.model,
            deployment.version,
            deployment.previous_version,
        )
        return handed


class RollbackOperator(StageOperator):
    """Goes back to the last good champion, or to the one that the run's parameters name."""

    stage: ClassVar[str] = "rollback"
    task_doc_md: ClassVar[str] = (
        "Picks the last approved version that was champion before and was not rolled back itself, checks the digest "
        "of its files and its answers, moves `champion`, swaps the model in the server without dropping a request, "
        "and writes it into the ledger. The version that was rolled back does not come back by itself. A retry "
        "completes what was begun and never goes back twice."
    )
    ui_color = "#f9dcdc"
    operator_extra_links = (MlflowVersionLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        """Roll back as the run's parameters say.

        Raises:
            AirflowFailException: when it cannot be done; the champion stays.
            AirflowException: when it may be done on a later try.
        """
        params = context.get("params") or {}
        reason = str(params.get("reason") or "").strip()
        if not reason:
            raise AirflowFailException(
                "a rollback needs a reason: trigger again with the parameter reason"
            )
        self.handed = {
            "rollback_request": {"to_version": params.get("to_version") or None, "reason": reason}
        }
        # The parameters are a rollback's: a train run's, of which `reason` is one of few words, are not among them.
        return super().execute(cast("Context", {**context, "params": {}}))

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Roll back; the version that serves again is handed over for the link to its page."""
        handed = super().run_stage(run, context)
        return {**handed, "version": handed["to_version"]}
