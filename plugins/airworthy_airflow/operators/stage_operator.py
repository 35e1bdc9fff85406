"""The operator under all others: builds a stage's input from the DAG run, runs the stage, translates its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airworthy.environment import load_environment
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import RunRequest
from airworthy.spec import load_spec
from airworthy_airflow.runners import Runner, runner_for
from airworthy_airflow.runners.stage_call import StageCall
from airworthy_airflow.windows import facts_of, resolve_as_of, resolve_reason

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg
    from openlineage.client.event_v2 import Dataset

    from airworthy_airflow.alerts.notify import Log
    from airworthy_airflow.openlineage import AirworthyRunFacet

PATIENCE: Mapping[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=1),
}
"""How often and how soon a task is tried again after a failure that may pass."""


class EmitsLineage:
    """An operator that runs a stage: `handed` and `handed_over` say what the stage read and made."""

    stage: ClassVar[str]
    model: str
    handed: dict[str, Any]
    handed_over: Mapping[str, Any]

    def get_openlineage_facets_on_complete(
        self, task_instance: object
    ) -> OperatorLineage[Dataset, AirworthyRunFacet]:
        """Return the stage's inputs and outputs; the provider asks after a success, and after a failure."""
        # Only a provider that is on gets here: a parse, and a task without it, import nothing for it.
        from airworthy_airflow.openlineage import lineage_of

        return lineage_of(self.stage, self.model, self.handed, self.handed_over)


class StageOperator(EmitsLineage, BaseOperator):
    """Runs one stage of `airworthy.stages`, where the environment says: in this process or in a container.

    Args:
        model: The model's name.
        handed: What earlier stages handed over, by the names that the stage knows: their operators' ``output``.
    """

    stage: ClassVar[str] = ""
    task_doc_md: ClassVar[str] = ""
    whole_days: ClassVar[bool] = True
    template_fields = ("handed",)
    ui_color = "#e8f0f8"

    def __init__(
        self, *, model: str, handed: Mapping[str, XComArg] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{**PATIENCE, "doc_md": self.task_doc_md, **kwargs})
        self.model = model
        self.handed = dict(handed or {})
        self.handed_over: dict[str, Any] = {}
        self.place: Runner | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the stage; what it hands over becomes the task's XCom.

        Raises:
            AirflowFailException: for a `TerminalError`: the task fails without a retry.
            AirflowException: for a `TransientError`: the task is retried.
        """
        with airflow_errors(self.log):
            run = request_of(context, self.model, whole_days=self.whole_days)
            self.log.info(
                "%s %s: as of %s, %s", self.model, self.stage, f"{run.as_of:%Y-%m-%d}", run.reason
            )
            self.handed_over = self.run_stage(run, context)
        return self.handed_over

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the stage with the request and what was handed over; the context is for those that decide on it."""
        payload = {"run": run.model_dump(mode="json"), **self.handed}
        self.place = runner_for(StageCall(self.task_id, self.stage, payload, load_environment()))
        return self.place.run(context)

    def on_kill(self) -> None:
        """End the stage with the task."""
        if self.place is not None:
            self.place.stop()


@contextmanager
def airflow_errors(log: Log) -> Iterator[None]:
    """Turn the errors of `airworthy.errors` into Airflow's, with every part of them in the log.

    Raises:
        AirflowFailException: for a `TerminalError`: the task fails without a retry.
        AirflowException: for a `TransientError`: the task is retried.
    """
    try:
        yield
    except TerminalError as error:
        log.error("%s", error)
        # The stage's own frames say nothing to the reader of a log that the message does not.
        raise AirflowFailException(error.problem) from None
    except TransientError as error:
        log.warning("%s", error)
        raise AirflowException(error.problem) from None


def request_of(context: Mapping[str, Any], model: str, *, whole_days: bool = True) -> RunRequest:
    """Build the request that every stage of a DAG run gets: the same one in every task and every retry.

    Args:
        context: The task's context.
        model: The model's name.
        whole_days: Whether the run's `as_of` is moved back to a UTC midnight.

    Raises:
        TerminalError: when the spec is broken or the run asks for something that cannot be.
    """
    environment = load_environment()
    spec = load_spec(environment.models / model / "model.yaml")
    facts, run, params = facts_of(context), context["dag_run"], context.get("params") or {}
    return RunRequest(
        model=model,
        as_of=resolve_as_of(facts, spec.start, spec.end, model, whole_days=whole_days),
        reason=resolve_reason(facts),
        run_id=run.run_id,
        dag_id=run.dag_id,
        requested_by=getattr(run, "triggering_user_name", None) or "airflow",
        parameters=dict(params.get("parameters") or {}),
        promote=params.get("promote") or "auto",
    )
