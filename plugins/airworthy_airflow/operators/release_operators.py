"""The operators of a release and of a rollback: staging, production, the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airworthy.handover import Deployment, Rollback, RunRequest, Verdict, VersionRef
from airworthy_airflow.asset_events import emit
from airworthy_airflow.assets import champion_asset
from airworthy_airflow.links import MODEL_LINKS, RELEASE_LINKS, MlflowVersionLink
from airworthy_airflow.operators.release_news import (
    champion_news,
    is_release,
    tell_of_hold,
    tell_of_promotion,
    tell_of_rollback,
    tell_of_verdict,
)
from airworthy_airflow.operators.stage_operator import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeployStagingOperator(StageOperator):
    """Checks parity in staging. Skips with the reasons when the verdict or the run's parameters hold the release.

    The reasons that hold a release are in `airworthy.release.blockers`.
    """

    stage: ClassVar[str] = "deploy_staging"
    task_doc_md: ClassVar[str] = (
        "Loads the version in the model server beside the champion, sends it holdout rows over HTTP and compares "
        "the answers with the offline predictions. **Skipped** when a gate failed, when the run was started with "
        "`promote: never`, and for a backfill that was not asked to release; the task's log gives the reasons."
    )
    ui_color = "#d9f2f0"
    operator_extra_links = RELEASE_LINKS

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Check parity, or skip the release.

        Raises:
            AirflowSkipException: when the release is held. The message has every reason.
        """
        from airworthy.release.blockers import release_blockers

        verdict = Verdict.model_validate(self.inputs["verdict"])
        version = VersionRef.model_validate(self.inputs["version"])
        blockers = release_blockers(
            run,
            verdict=verdict,
            status=version.validation_status,
            champion_as_of=None,  # deploy_production checks it: only that task sees the present champion.
        )
        if blockers:
            reasons = "\n".join(f"  - {blocker}" for blocker in blockers)
            message = f"the release is held, the champion stays:\n{reasons}"
            self.log.warning("%s: %s", self.model, message)
            self._tell(run, verdict, version, blockers, context)
            raise AirflowSkipException(message)
        return super().run_stage(run, context)

    def _tell(
        self,
        run: RunRequest,
        verdict: Verdict,
        version: VersionRef,
        blockers: list[str],
        context: Context,
    ) -> None:
        """Notify people, unless nobody waits for a release of this run."""
        if not is_release(run):
            return
        if not verdict.releasable:
            tell_of_verdict(verdict, version.version, context, self.log)
            return
        tell_of_hold(self.model, version.version, blockers, context, self.log)


class DeployProductionOperator(StageOperator):
    """Moves the champion alias and swaps the served model. The champion's asset has an event then."""

    stage: ClassVar[str] = "deploy_production"
    task_doc_md: ClassVar[str] = (
        "Moves `champion` to the version, if the champion is still the one that the verdict compared with, swaps "
        "the model in the server without dropping a request, and checks that the server answers with it."
    )
    ui_color = "#cfe8e6"
    operator_extra_links = RELEASE_LINKS

    def __init__(self, *, model: str, **kwargs: Any) -> None:
        super().__init__(**{"model": model, "outlets": [champion_asset(model)], **kwargs})

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Release the version.

        Raises:
            AirflowSkipException: when a comparison with the present champion holds the release.
        """
        output = super().run_stage(run, context)
        deployment = Deployment.model_validate(output)
        if not deployment.promoted:
            if is_release(run):
                tell_of_hold(self.model, deployment.version, [deployment.reason], context, self.log)
            raise AirflowSkipException(
                f"the release is held, the champion stays: {deployment.reason}"
            )
        self.log.info(
            "%s: version %s serves (was %s)",
            run.model,
            deployment.version,
            deployment.previous_version,
        )
        news = champion_news(self.model, run.run_id, self.log)
        emit(self, context, champion_asset(self.model), news)
        if news is not None:
            tell_of_promotion(deployment, context, self.log)
        return output


class RollbackOperator(StageOperator):
    """Goes back to the last good champion, or to the version in the run's parameters.

    The choice is made in `airworthy.release.rollback_plan`.
    """

    stage: ClassVar[str] = "rollback"
    task_doc_md: ClassVar[str] = (
        "Picks the last approved version that was champion before and was not rolled back itself, checks the digest "
        "of its files and its answers, moves `champion`, swaps the model in the server without dropping a request, "
        "and writes it into the ledger. The version that was rolled back does not come back by itself. A retry "
        "completes what was begun and never goes back twice."
    )
    ui_color = "#f9dcdc"
    operator_extra_links = (*MODEL_LINKS, MlflowVersionLink())

    def __init__(self, *, model: str, **kwargs: Any) -> None:
        super().__init__(**{"model": model, "outlets": [champion_asset(model)], **kwargs})

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
        self.inputs = {
            "rollback_request": {
                "to_version": params.get("to_version") or None,
                "from_version": params.get("from_version") or None,
                "requested_at": context["dag_run"].run_after.isoformat(),
                "reason": reason,
            }
        }
        # These are a rollback's parameters. A train run's `reason` is one of few words, so they are
        # not read as such.
        return super().execute(cast("Context", {**context, "params": {}}))

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Roll back. The output names the version that serves again, for the link to its page."""
        output = super().run_stage(run, context)
        rollback = Rollback.model_validate(output)
        # A rollback that takes the traffic of a rollout moves no champion.
        news = champion_news(self.model, rollback.started_by, self.log)
        emit(self, context, champion_asset(self.model), news)
        tell_of_rollback(rollback, context, self.log)
        return {**output, "version": output["to_version"]}
