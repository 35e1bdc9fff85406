"""Gives all traffic back to an earlier champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk.exceptions import AirflowFailException

from airworthy.handover import RunRequest
from airworthy_airflow.links import MlflowVersionLink
from airworthy_airflow.operators.stage import StageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RollbackOperator(StageOperator):
    """Goes back to the last good champion, or to the one that the run's parameters name."""

    stage: ClassVar[str] = "rollback"
    doc: ClassVar[str] = (
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
            raise AirflowFailException("a rollback needs a reason: trigger again with the parameter reason")
        self.handed = {"rollback_request": {"to_version": params.get("to_version") or None, "reason": reason}}
        # The parameters are a rollback's: a train run's, of which `reason` is one of few words, are not among them.
        return super().execute(cast("Context", {**context, "params": {}}))

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Roll back; the version that serves again is handed over for the link to its page."""
        handed = super().run_stage(run, context)
        return {**handed, "version": handed["to_version"]}
