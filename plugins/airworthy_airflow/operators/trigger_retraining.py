"""Starts a model's train DAG on the monitor's decision, once for each decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import DagIsPaused, TriggerDagRunOperator
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
)

from airworthy.environment import load_environment
from airworthy_airflow.links import MODEL_LINKS
from airworthy_airflow.operators.stage_operator import airflow_errors

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airworthy.handover import DriftDecision
    from airworthy_airflow.alerts.notify import Log

DOC = (
    "Starts the train DAG with the decision's own run id, so a retry, or a task that is cleared, starts no second run, "
    "and tells people. **Skipped** when nothing is to be done. **Fails** when the train DAG is paused, and when too "
    "many challengers in a row were refused: then a person has to look."
)


class TriggerRetrainingOperator(TriggerDagRunOperator):
    """Reads the decision from the ledger and starts the train DAG. A later run acts on it if this one is killed.

    Args:
        model: The model's name.
        data_check: The output of ``check_data``, with the window.
        kwargs: As Airflow's operators take.
    """

    template_fields = (*TriggerDagRunOperator.template_fields, "data_check")
    ui_color = "#f7e3b5"
    operator_extra_links = [*TriggerDagRunOperator.operator_extra_links, *MODEL_LINKS]  # noqa: RUF012 - Airflow's own type

    def __init__(self, *, model: str, data_check: XComArg, **kwargs: Any) -> None:
        super().__init__(
            **{
                "trigger_dag_id": f"{model}__train",
                "fail_when_dag_is_paused": True,
                "skip_when_already_exists": True,
                "logical_date": None,
                "doc_md": DOC,
                **kwargs,
            }
        )
        self.model = model
        self.data_check: Any = data_check

    def execute(self, context: Context) -> None:
        """Trigger, if the decision says so.

        Raises:
            AirflowSkipException: when it does not, or the run exists already.
            AirflowFailException: when the circuit breaker is open.
            DagIsPaused: when the train DAG is paused.
        """
        with airflow_errors(self.log, self.model, "trigger_retraining"):
            decision = find_decision(self.model, self.data_check["window"])
        if decision is None:
            raise AirflowSkipException("there was nothing to decide on")
        self.log.info("%s: %s", decision.outcome, decision.told)
        if decision.outcome == "circuit_open" and not self.data_check["window"]["decided"]:
            notify_decision(decision, context, self.log)
            raise AirflowFailException(f"no training is triggered: {decision.told}")
        if not decision.trigger:
            raise AirflowSkipException(decision.told)
        self.trigger_run_id, self.conf = decision.train_run_id, train_conf(decision)
        try:
            super().execute(context)
        except DagIsPaused:
            notify_decision(decision, context, self.log)
            raise
        except DagRunTriggerException:  # The operator asks Airflow by it to start the run.
            notify_decision(decision, context, self.log, started=True)
            raise


def find_decision(model: str, window: Mapping[str, Any]) -> DriftDecision | None:
    """Return the recorded decision on a window, if there was anything to decide.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    from airworthy.ledger import open_ledger
    from airworthy.monitoring import history

    entries = open_ledger(load_environment(), model).entries()
    return history.find_decision(entries, datetime.fromisoformat(window["end"]))


def notify_decision(
    decision: DriftDecision, context: Context, log: Log, *, started: bool = False
) -> None:
    """Notify people of a triggered training, of one that cannot start, or of the open circuit breaker.

    Args:
        decision: The monitor's decision.
        context: The task's context.
        log: The task's log.
        started: Whether the training's run was started.
    """
    from airworthy.alerts.factories import circuit_breaker, retraining
    from airworthy_airflow.alerts.alert_links import task_links
    from airworthy_airflow.alerts.notify import notify

    links = task_links(context)
    alert = (
        retraining(decision, links, started=started)
        if decision.trigger
        else circuit_breaker(decision, links)
    )
    notify(alert, context["dag_run"].run_id, log)


def train_conf(decision: DriftDecision) -> dict[str, Any]:
    """Return the parameters of the training run: the reason, and the end of its data."""
    return {"reason": decision.reason, "as_of": f"{decision.train_as_of:%Y-%m-%d}"}
