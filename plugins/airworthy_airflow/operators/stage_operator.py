"""The base operator: builds a stage's inputs from the DAG run, runs the stage, translates its errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from pydantic import ValidationError

from airworthy.environment import load_environment
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import RunRequest
from airworthy.known_errors import is_convertible, keep_in_temporary_file, known_errors
from airworthy.spec import load_spec
from airworthy.spec.run_parameters import require_finite
from airworthy_airflow.links import MODEL_LINKS
from airworthy_airflow.runners import Runner, runner_for
from airworthy_airflow.runners.nested_operator import execute_nested
from airworthy_airflow.runners.stage_call import StageCall
from airworthy_airflow.windows import (
    facts_of,
    refuse_unknown_keys,
    resolve_as_of,
    resolve_reason,
)

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperatorLink, Context, XComArg
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


class EndsRunner:
    """Ends the runner of a stage with its task, at whatever moment that is."""

    runner: Runner | None
    was_killed: bool

    def start_runner(self, call: StageCall) -> Runner:
        """Return the runner of a stage. It begins nothing when the task was ended before."""
        self.runner = runner_for(call)
        # The signal may have come while the inputs were made, when there was nothing to end.
        if self.was_killed:
            self.runner.stop()
        return self.runner

    def on_kill(self) -> None:
        """End the stage with the task."""
        self.was_killed = True
        if self.runner is not None:
            self.runner.stop()


class StageOperator(EmitsLineage, EndsRunner, BaseOperator):
    """Runs one stage of `airworthy.stages` by the environment's runner: in this process or in a container.

    A task whose stage runs in a pod may wait for it in the triggerer. It is then executed a second
    time, with the pod's end. A class whose tasks reschedule themselves does not wait so: `defers`.

    Args:
        model: The model's name.
        inputs: The stage's inputs by name: the ``output`` of earlier operators.
        kwargs: Arguments of Airflow's `BaseOperator`.
    """

    stage: ClassVar[str] = ""
    task_doc_md: ClassVar[str] = ""
    whole_days: ClassVar[bool] = True
    defers: ClassVar[bool] = True
    template_fields = ("inputs",)
    ui_color = "#e8f0f8"
    operator_extra_links: Collection[BaseOperatorLink] = MODEL_LINKS

    def __init__(
        self, *, model: str, inputs: Mapping[str, XComArg] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{**PATIENCE, "doc_md": self.task_doc_md, **kwargs})
        self.model = model
        self.inputs = dict(inputs or {})
        self.stage_output: dict[str, Any] = {}
        self.evidence_folder: str | None = None
        self.runner: Runner | None = None
        self.was_killed = False
        self.event: dict[str, Any] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the stage. Its output becomes the task's XCom.

        Raises:
            AirflowFailException: for a `TerminalError`: the task fails without a retry.
            AirflowException: for a `TransientError`: the task is retried.
        """
        with airflow_errors(self.log, self.model, self.stage):
            run = request_of(context, self.model, whole_days=self.whole_days)
            self.evidence_folder = run.folder_name
            self.log.info(
                "%s %s: as of %s, %s", self.model, self.stage, f"{run.as_of:%Y-%m-%d}", run.reason
            )
            self.stage_output = self.run_stage(run, context)
        return self.stage_output

    def run_stage(self, run: RunRequest, context: Context) -> dict[str, Any]:
        """Run the stage with the request and the inputs. Subclasses decide by the context, too."""
        payload = {"run": run.model_dump(mode="json"), **self.inputs}
        environment = load_environment()
        runner = self.start_runner(
            StageCall(self.task_id, self.stage, payload, environment, may_defer=self.defers)
        )
        if self.event is not None:
            return runner.resume(context, self.event)
        return runner.run(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the triggerer has watched the stage's pod; see `execute`.

        Args:
            context: The task's context.
            event: The event of the trigger.

        Raises:
            AirflowFailException: for a `TerminalError`: the task fails without a retry.
            AirflowException: for a `TransientError`: the task is retried.
        """
        self.event = event
        output: dict[str, Any] = execute_nested(self, context)
        return output


@contextmanager
def airflow_errors(log: Log, model: str | None = None, stage: str | None = None) -> Iterator[None]:
    """Turn every error into one of Airflow's; Airflow's own pass. The log gets every part of them.

    Args:
        log: The task's log.
        model: The model, for errors that name none.
        stage: The stage, for errors that name none.

    Raises:
        AirflowFailException: for a `TerminalError` and an unexpected error: the task fails without
            a retry.
        AirflowException: for a `TransientError`: the task is retried.
    """
    try:
        with _known_errors(model, stage):
            yield
    except TerminalError as error:
        log.error("%s", error)
        # The stage's own frames tell the reader of a log no more than the message.
        raise AirflowFailException(error.problem) from None
    except TransientError as error:
        log.warning("%s", error)
        raise AirflowException(error.problem) from None


@contextmanager
def _known_errors(model: str | None, stage: str | None) -> Iterator[None]:
    """Turn exceptions into errors of `airworthy.errors`; Airflow's own pass."""
    try:
        yield
    except BaseException as error:
        if not is_convertible(error) or type(error).__module__.partition(".")[0] == "airflow":
            raise
        with known_errors(keep_in_temporary_file, model=model, stage=stage):
            raise


def request_of(context: Mapping[str, Any], model: str, *, whole_days: bool = True) -> RunRequest:
    """Build the request of a DAG run: the same one in every task and every retry.

    Args:
        context: The task's context.
        model: The model's name.
        whole_days: Whether the run's `as_of` is moved back to a UTC midnight.

    Raises:
        TerminalError: when the spec is broken or the run's parameters are impossible.
    """
    refuse_unknown_keys(context, model)
    environment = load_environment()
    spec = load_spec(environment.models / model / "model.yaml")
    facts, run, params = facts_of(context), context["dag_run"], context.get("params") or {}
    user = getattr(run, "triggering_user_name", None)
    parameters = params.get("parameters") or {}
    if isinstance(parameters, dict):
        require_finite(parameters, model)
    content = {
        "model": model,
        "as_of": resolve_as_of(facts, spec.start, spec.end, model, whole_days=whole_days),
        "reason": resolve_reason(facts),
        "run_id": run.run_id,
        "dag_id": run.dag_id,
        "requested_by": user or "airflow",
        "requested_by_proof": "airflow" if user else "nobody",
        "parameters": parameters,
        "promote": params.get("promote") or "auto",
        "refresh": params.get("refresh") or None,
    }
    try:
        return RunRequest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise TerminalError(
            f"the run's parameter {first['loc'][0]} is not right: {first['msg']}",
            model=model,
            received=repr(first.get("input"))[:200],
            allowed="what the parameter's field in Airflow's form says",
            next_step="trigger again with another value",
        ) from None
