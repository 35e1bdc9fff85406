"""The operator that puts aliases back which somebody moved in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airworthy.environment import load_environment
from airworthy_airflow.operators.stage_operator import PATIENCE, airflow_errors

if TYPE_CHECKING:
    from airflow.sdk import Context


class PutAliasesBackOperator(BaseOperator):
    """Compares every alias with its ledger, puts the moved ones back, and tells people."""

    task_doc_md: ClassVar[str] = (
        "Compares MLflow's aliases `champion` and `challenger` of every model with the ledger. One that somebody moved "
        "is put back, and people are told. Nothing that serves had followed it. `airworthy adopt MODEL VERSION` "
        "releases the version that it named, if a person wants that."
    )
    ui_color = "#f9dcdc"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**PATIENCE, "doc_md": self.task_doc_md, **kwargs})

    def execute(self, context: Context) -> list[str]:
        """Put them back. Return the disagreements in words.

        Raises:
            AirflowFailException: for a `TerminalError`: the task fails without a retry.
            AirflowException: for a `TransientError`: the task is retried.
        """
        from airworthy.alerts.alias_alerts import alias_moved
        from airworthy.release.put_back import put_back_aliases
        from airworthy_airflow.alerts.alert_links import task_links
        from airworthy_airflow.alerts.notify import notify

        with airflow_errors(self.log, stage="aliases"):
            found = put_back_aliases(load_environment())
        run_id = str(context["run_id"])
        for moved in found:
            notify(alias_moved(moved, run_id, task_links(context)), run_id, self.log)
        return [f"{moved.model}: {moved.words}" for moved in found]
