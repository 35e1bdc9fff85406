"""Asks a person to approve a version and records the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException, TaskAwaitingInput

from airworthy.environment import load_environment
from airworthy.errors import TransientError
from airworthy.handover import Approval, ApprovalAnswer, RunRequest
from airworthy.release.release_rules import release_rules
from airworthy.shown_text import one_line
from airworthy.spec import load_spec
from airworthy_airflow.links import RELEASE_LINKS
from airworthy_airflow.operators.approval_brief import approval_brief
from airworthy_airflow.operators.approval_news import ApprovalWait, tell_of_answer, tell_of_wait
from airworthy_airflow.operators.stage_operator import (
    PATIENCE,
    EmitsLineage,
    EndsRunner,
    airflow_errors,
    request_of,
)
from airworthy_airflow.runners import Runner
from airworthy_airflow.runners.stage_call import StageCall
from airworthy_airflow.runners.tries import is_retry

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

NOBODY = "nobody"


class ApproveOperator(EmitsLineage, EndsRunner, ApprovalOperator):
    """Waits for a person's answer without holding a worker. Only an answer leaves an approval.

    The resumed task writes the record. A task marked as a success by hand writes none, and the next
    tasks look for the record and not for this task's state. A task lost before it wrote the record
    asks again: no answer is ever guessed.

    Args:
        model: The model's name.
        inputs: ``challenger``, ``verdict``, ``version`` and ``parity``: their operators'
            ``output``.
        approvers: Ids of those Airflow users with the right to approve who may answer. Empty: all
            of them.
        response_timeout: The time for an answer. After it, the version is rejected.
        kwargs: Arguments of Airflow's `ApprovalOperator`.
    """

    stage: ClassVar[str] = "approval"
    task_doc_md: ClassVar[str] = (
        "Waits for a person: **Required actions** in the UI, or `PATCH .../hitlDetails` of the REST API. The verdict, "
        "the metrics and the model report are in the question. Who answered what, when and with which comment goes "
        "into the ledger. After a rejection, or when nobody answers in time, everything downstream is skipped and the "
        "champion stays. Marking this task as a success approves nothing."
    )
    template_fields = (*ApprovalOperator.template_fields, "inputs")
    ui_color = "#fdf0c2"
    operator_extra_links = RELEASE_LINKS

    def __init__(
        self,
        *,
        model: str,
        inputs: Mapping[str, XComArg],
        approvers: Sequence[str] = (),
        response_timeout: timedelta,
        **kwargs: Any,
    ) -> None:
        comment = Param(
            "", type="string", maxLength=2000, title="Comment", description="Why. It is recorded."
        )
        question = {
            "subject": f"{model}: may it take over?",
            "defaults": self.REJECT,
            "params": {"comment": comment},
            "assigned_users": [{"id": name, "name": name} for name in approvers],
            "doc_md": self.task_doc_md,
        }
        super().__init__(**{**PATIENCE, **question, "response_timeout": response_timeout, **kwargs})
        self.model = model
        self.inputs = dict(inputs)
        self.stage_output: dict[str, Any] = {}
        self.evidence_folder: str | None = None
        self.runner: Runner | None = None
        self.was_killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask, and free the worker until there is an answer.

        Raises:
            AirflowFailException: when the model's spec is broken.
        """
        with airflow_errors(self.log, self.model, self.stage):
            run, environment = request_of(context, self.model), load_environment()
            self.evidence_folder = run.folder_name
            answer = self._recorded_answer(context, run)
            rules = release_rules(
                load_spec(environment.models / self.model / "model.yaml"), environment
            )
            brief = approval_brief(run, self.inputs, rules)
        if answer is not None:
            return self._conclude(context, answer)
        self.subject, self.body = brief.subject, brief.body
        wait = ApprovalWait.of(datetime.now(UTC), self.response_timeout or rules.approval_timeout)
        tell_of_wait(self, context, wait)
        return self._ask(context, wait)

    def execute_complete(
        self, context: Context, event: dict[str, Any], wait: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Record the answer. After a rejection, skip everything downstream.

        Args:
            context: The task's context.
            event: Airflow's event; see `answer_of`.
            wait: The `ApprovalWait` of the question. While its time is not over, a timeout is a
                reminder, and the task waits on.

        Raises:
            AirflowException: when the answer is not one of the options or cannot be recorded. The
                task asks again.
        """
        waits = ApprovalWait.from_json(wait) if wait is not None else None
        if event.get("timedout") and waits is not None and waits.is_open(datetime.now(UTC)):
            tell_of_wait(self, context, waits)
            return self._ask(context, waits)
        try:
            HITLOperator.execute_complete(self, context, event)
        except ValueError as error:
            raise AirflowException(
                f"the answer cannot be taken, and is asked for again: {error}"
            ) from None
        answer = answer_of(event)
        self._refuse_own_approval(context, answer)
        return self._conclude(context, answer)

    def _refuse_own_approval(self, context: Context, answer: ApprovalAnswer) -> None:
        """Refuse an approval by the person who triggered the run, where another one must approve.

        Raises:
            AirflowException: when it is refused. Nothing is recorded, and the task asks again.
        """
        with airflow_errors(self.log, self.model, self.stage):
            environment = load_environment()
            spec = load_spec(environment.models / self.model / "model.yaml")
            if (
                answer.decision != "approve"
                or not release_rules(spec, environment).by_other_than_trigger
            ):
                return
            from airworthy.ledger import open_ledger
            from airworthy.release.approval_record import trigger_blockers

            run, version = request_of(context, self.model), self.inputs["version"]["version"]
            entries = open_ledger(environment, self.model).entries()
            names = {answer.who, answer.user or ""}
            own = trigger_blockers(entries, run.run_id, version, names)
            if not own and run.requested_by_proof != "nobody" and run.requested_by in names:
                own = [f"{run.requested_by} triggered this run: another person must approve it"]
        if own:
            raise AirflowException(
                f"the answer cannot be taken, and is asked for again: {'; '.join(own)}"
            )

    def _ask(self, context: Context, wait: ApprovalWait) -> dict[str, Any]:
        """Ask, or ask on after a reminder, and free the worker until an answer or the next reminder.

        Airflow has no event before a question expires. So the question is given to it for a part of
        the time only. It then answers with the default, and asking again removes that answer.
        """
        try:
            return cast("dict[str, Any]", super().execute(context))
        except TaskAwaitingInput as awaiting:
            # The answer goes to `execute_complete`.
            raise TaskAwaitingInput(
                method_name=awaiting.method_name,
                kwargs={"wait": wait.to_json()},
                timeout=wait.until_next(datetime.now(UTC)),
            ) from None

    def _recorded_answer(self, context: Context, run: RunRequest) -> ApprovalAnswer | None:
        """Return an answer recorded by an earlier, lost try: nobody is asked twice."""
        if not is_retry(context["ti"].try_number, context["ti"].max_tries, self.retries or 0):
            return None
        from airworthy.ledger import open_ledger
        from airworthy.ledger.events import ApprovalAnswered
        from airworthy.release.release_record import entries_of

        entries = open_ledger(load_environment(), self.model).entries()
        answers = entries_of(
            entries, run.run_id, self.inputs["version"]["version"], ApprovalAnswered
        )
        if not answers:
            return None
        recorded = answers[-1].event
        return ApprovalAnswer(
            who=answers[-1].who,
            proved_by=answers[-1].proved_by or "nobody",
            user=recorded.user,
            decision=recorded.decision,
            comment=recorded.comment,
            at=recorded.at,
        )

    def _conclude(self, context: Context, answer: ApprovalAnswer) -> dict[str, Any]:
        with airflow_errors(self.log, self.model, self.stage):
            self.evidence_folder = request_of(context, self.model).folder_name
            self.stage_output = self._record(context, answer)
        approval = Approval.model_validate(self.stage_output)
        tell_of_answer(self, context, approval)
        comment = f" ({one_line(approval.comment)})" if approval.comment else ""
        if approval.approved:
            self.log.info("approved by %s%s", approval.who, comment)
            return self.stage_output
        self.log.warning("%s by %s%s: the champion stays", approval.decision, approval.who, comment)
        # Airflow pushes no XCom for a task that skips its downstream tasks.
        context["ti"].xcom_push(key="return_value", value=self.stage_output)
        downstream = context["task"].get_flat_relatives(upstream=False)
        self.skip(ti=context["ti"], tasks=[task for task in downstream if not task.is_teardown])
        return self.stage_output

    def _record(self, context: Context, answer: ApprovalAnswer) -> dict[str, Any]:
        """Write the answer to the ledger with retries: a new try of this task would ask the person again."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        payload = {
            "run": request_of(context, self.model).model_dump(mode="json"),
            **self.inputs,
            "approval_answer": answer.model_dump(mode="json"),
        }
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(6),
            wait=wait_exponential(max=30),
            reraise=True,
        )
        runner = self.start_runner(StageCall(self.task_id, self.stage, payload, load_environment()))
        return retrying(runner.run, context)


def answer_of(event: Mapping[str, Any]) -> ApprovalAnswer:
    """Return the answer in Airflow's event.

    Args:
        event: ``chosen_options``, ``params_input``, ``responded_at`` (aware), ``responded_by_user``
            (None: nobody answered in time) and ``timedout``.
    """
    user = event["responded_by_user"]
    if user is None or event.get("timedout"):
        return ApprovalAnswer(decision="timeout", who=NOBODY, at=event["responded_at"])
    approved = event["chosen_options"] == [ApprovalOperator.APPROVE]
    who = user["name"] if user["name"] == user["id"] else f"{user['name']} ({user['id']})"
    comment = str((event.get("params_input") or {}).get("comment") or "")
    return ApprovalAnswer(
        decision="approve" if approved else "reject",
        who=who,
        proved_by="airflow",
        user=user["name"],
        comment=comment,
        at=event["responded_at"],
    )
