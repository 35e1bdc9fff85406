"""The base operator: builds a stage's inputs from the DAG run, runs the stage, translates its errors."""

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
from airworthy.spec.run_parameters import require_finite
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
"""Retries of a task after a `TransientError`."""


class EmitsLineage:
    """Tells Airflow's OpenLineage provider the stage's `inputs` and `stage_output`."""

    stage: ClassVar[str]
    model: str
    inputs: dict[str, Any]
    stage_output: Mapping[str, Any]

    def get_openlineage_facets_on_complete(
        self,
        task_instance: object,  # noqa: ARG002 - the provider's signature
    ) -> OperatorLineage[Dataset, AirworthyRunFacet]:
        """Return the stage's inputs and output. The provider asks after a success and after a failure."""
        # Only an active provider calls this. A parse, and a task without it, import nothing for it.
        from airworthy_airflow.openlineage import lineage_of

        return lineage_of(self.stage, self.model, self.inputs, self.stage_output)


class StageOperator(EmitsLineage, BaseOperator):
    """Runs one stage of `airworthy.stages` by the environment's runner: in this process or in a container.

    Args:
        model: The model's name.
        inputs: The stage's inputs by name: the ``output`` of earlier operators.
        kwargs: Arguments of Airflow's `BaseOperator`.
    """

    stage: ClassVar[str] = ""
    task_doc_md: ClassVar[str] = ""
    whole_days: ClassVar[bool] = True
    template_fields = ("inputs",)
    ui_color = "#e8f0f8"

    def __init__(
        self, *, model: str, inputs: Mapping[str, XComArg] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{**PATIENCE, "doc_md": self.task_doc_md, **kwargs})
        self.model = model
        self.inputs = dict(inputs or {})
        self.stage_output: dict[str, Any] = {}
        self.runner: Runner | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the stage. Its output becomes the task's XCom.

        Raises:
            AirflowFailException: for a `TerminalError`: the task fails without a retry.
            AirflowException: for a `TransientError`: the task is retried.
        """
        with airflow_errors(self.log):
            run = request_of(context, self.model, whole_days=self.whole_days)
            self.log.info(
                "%s %s: as of %s, %s", self.model, self.stage, f"{run.as_of:%Y-%m-%d}", run.reason
            )
            self.stage_output = self.run_stage(run, context)
        return self.stage_output

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the stage with the request and the inputs. Subclasses decide by the context, too."""
        payload = {"run": run.model_dump(mode="json"), **self.inputs}
        self.runner = runner_for(StageCall(self.task_id, self.stage, payload, load_environment()))
        return self.runner.run(context)

    def on_kill(self) -> None:
        """End the stage with the task."""
        if self.runner is not None:
            self.runner.stop()


@contextmanager
def airflow_errors(log: Log) -> Iterator[None]:
    """Turn the errors of `airworthy.errors` into Airflow's. The log gets every part of them.

    Raises:
        AirflowFailException: for a `TerminalError`: the task fails without a retry.
        AirflowException: for a `TransientError`: the task is retried.
    """
    try:
        yield
    except TerminalError as error:
        log.error("%s", error)
        # The stage's own frames tell the reader of a log no more than the message.
        raise AirflowFailException(error.problem) from None
    except TransientError as error:
        log.warning("%s", error)
        raise AirflowException(error.problem) from None


def request_of(context: Mapping[str, Any], model: str, *, whole_days: bool = True) -> RunRequest:
    """Build the request of a DAG run: the same one in every task and every retry.

    Args:
        context: The task's context.
        model: The model's name.
        whole_days: Whether the run's `as_of` is moved back to a UTC midnight.

    Raises:
        TerminalError: when the spec is broken or the run's parameters are impossible.
    """
    environment = load_environment()
    spec = load_spec(environment.models / model / "model.yaml")
    facts, run, params = facts_of(context), context["dag_run"], context.get("params") or {}
    user = getattr(run, "triggering_user_name", None)
    parameters = dict(params.get("parameters") or {})
    require_finite(parameters, model)
    return RunRequest(
        model=model,
        as_of=resolve_as_of(facts, spec.start, spec.end, model, whole_days=whole_days),
        reason=resolve_reason(facts),
        run_id=run.run_id,
        dag_id=run.dag_id,
        requested_by=user or "airflow",
        requested_by_proof="airflow" if user else "nobody",
        parameters=parameters,
        promote=params.get("promote") or "auto",
    )
