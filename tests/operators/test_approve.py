"""The approval task after an answer, no answer, a strange one, and a lost task."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
)
from airflow.sdk.execution_time import task_runner

from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised, ApprovalAnswered
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.registry import open_registry
from airworthy.spec import load_spec
from airworthy.spec.release_part import Release
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.operators.approval_news import ApprovalWait
from airworthy_airflow.operators.approve_operator import answer_of
from airworthy_airflow.runners.tries import is_retry

from .test_approval_brief import HANDED
from .test_operators import context

MODEL = "delivery_eta"
NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
ADA = {"id": "ada", "name": "ada"}
FOLLOWING = {"release.rollout_shadow", "release.rollout_50", "release.deploy_production"}


def event(option: str, **changes: Any) -> dict[str, Any]:
    """Return the event with which Airflow resumes the task."""
    answer = {
        "chosen_options": [option],
        "params_input": {"comment": "well"},
        "responded_at": NOW,
        "timedout": False,
    }
    return {**answer, "responded_by_user": ADA, **changes}


TIMEOUT = event("Reject", responded_by_user=None, timedout=True, params_input={"comment": ""})


class ApprovalTask:
    """The approval task of a release, with a registered version and Airflow's context."""

    def __init__(self, environment: Environment) -> None:
        spec = load_spec(environment.models / MODEL / "model.yaml")
        rules = Release(approval="required", rollout=["shadow", 50, "full"], approvers=["ada"])
        dag = build_train_dag(spec.model_copy(update={"release": rules}), environment)
        task: Any = dag.get_task("release.approve")
        self.task = task
        client = open_registry(environment).client
        client.create_registered_model(MODEL)
        registered = client.create_model_version(
            MODEL, "file:///nowhere", tags={"airworthy.bundle_digest": "d"}
        )
        self.task.inputs = {
            **HANDED,
            "version": {**HANDED["version"], "version": str(registered.version)},
        }
        self.environment = environment
        self.pushed: dict[str, Any] = {}

    def context(self, try_number: int = 1) -> Any:
        """Return the context of a try."""
        ti = SimpleNamespace(
            id=uuid4(),
            log_url="http://airflow/task",
            try_number=try_number,
            max_tries=2,
            map_index=-1,
            xcom_push=lambda key, value: self.pushed.update({key: value}),
        )
        return {**context(), "ti": ti, "task_instance": ti, "task": self.task}

    def told(self) -> list[str]:
        """Return the kinds of the ledger's alerts, in order."""
        entries = open_ledger(self.environment, MODEL).entries()
        return [str(each.event.alert["kind"]) for each in of_kind(entries, AlertRaised)]

    def proofs(self) -> list[str | None]:
        """Return the proof of each recorded name."""
        return [entry.proved_by for entry in open_ledger(self.environment, MODEL).entries()]

    def recorded(self) -> list[tuple[str, str, str]]:
        """Return person, decision and comment of each record."""
        entries = open_ledger(self.environment, MODEL).entries()
        answered = of_kind(entries, ApprovalAnswered)
        return [(each.who, each.event.decision, each.event.comment) for each in answered]


@pytest.fixture
def approval(environment: Environment) -> ApprovalTask:
    return ApprovalTask(environment)


def test_an_approval_is_recorded_and_handed_over(approval: ApprovalTask) -> None:
    """Person, decision, comment and time are in the ledger; the same is the task's XCom, as plain
    JSON.
    """
    inputs = approval.task.execute_complete(approval.context(), event("Approve"))
    assert approval.recorded() == [("ada", "approve", "well")]
    assert approval.proofs() == ["airflow"]
    assert (inputs["who"], inputs["at"]) == ("ada", "2026-03-20T09:30:00Z")


@pytest.mark.parametrize(
    ("answer", "record"),
    [(event("Reject"), ("ada", "reject", "well")), (TIMEOUT, ("nobody", "timeout", ""))],
    ids=["rejected", "nobody answered"],
)
def test_a_rejection_skips_all_that_follows(
    approval: ApprovalTask, answer: dict[str, Any], record: tuple[str, ...]
) -> None:
    """Everything downstream but the clean-up task; the record and the output come before."""
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        approval.task.execute_complete(approval.context(), answer)
    assert set(skipped.value.tasks) == FOLLOWING
    assert approval.told() == ["approval_expired" if answer is TIMEOUT else "rejected"]
    assert approval.recorded() == [record]
    assert approval.pushed["return_value"]["decision"] == record[1]


@pytest.mark.parametrize(
    "answer",
    [
        event("Perhaps"),
        event("Approve", params_input={"comment": 5}),
        event("Approve", params_input={"vote": "yes"}),
    ],
    ids=["another option", "no text", "another field"],
)
def test_a_strange_answer_approves_nothing(approval: ApprovalTask, answer: dict[str, Any]) -> None:
    """It is approval for again, by a retry, without a traceback; nothing is recorded."""
    with pytest.raises(AirflowException, match="cannot be taken") as failure:
        approval.task.execute_complete(approval.context(), answer)
    assert not isinstance(failure.value, AirflowFailException)
    assert approval.recorded() == []


def test_who_triggered_the_run_is_asked_for_another_person(approval: ApprovalTask) -> None:
    """Their approval is not taken, in words, and nothing is recorded; another person's
    approval is.
    """
    path = approval.environment.models / MODEL / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["release"] = {"approval": {"by_other_than_trigger": True}}
    folder = approval.environment.state.parent / "models" / MODEL
    shutil.copytree(path.parent, folder)
    (folder / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    own = approval.context()
    own["dag_run"].triggering_user_name = "ada"
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AIRWORTHY_MODELS", str(folder.parent))
        with pytest.raises(AirflowException, match="ada triggered this run: another person"):
            approval.task.execute_complete(own, event("Approve"))
        assert approval.recorded() == []
        bob = {"id": "bob", "name": "bob"}
        approval.task.execute_complete(own, event("Approve", responded_by_user=bob))
        assert approval.recorded() == [("bob", "approve", "well")]


def test_other_files_than_those_that_were_judged_are_not_approved(approval: ApprovalTask) -> None:
    """An answer is for exactly the verdict's files."""
    approval.task.inputs["version"]["bundle_digest"] = "another"
    with pytest.raises(AirflowFailException, match="other files"):
        approval.task.execute_complete(approval.context(), event("Approve"))
    assert approval.recorded() == []


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_a_recorded_answer_is_not_asked_for_again(approval: ApprovalTask, option: str) -> None:
    """A task lost after recording its answer goes on in its next try, and leaves one record."""
    first = _end_of(
        approval, lambda: approval.task.execute_complete(approval.context(), event(option))
    )
    assert _end_of(approval, lambda: approval.task.execute(approval.context(try_number=2))) == first
    assert len(approval.recorded()) == 1


def _end_of(approval: ApprovalTask, run: Any) -> tuple[str, set[str]]:
    """Return the decision in the task's output and the skipped tasks."""
    try:
        return run()["decision"], set()
    except DownstreamTasksSkipped as skipped:
        return approval.pushed["return_value"]["decision"], set(skipped.tasks)


def test_a_question_is_told_of_and_asked_on_after_each_reminder(
    approval: ApprovalTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow gets the question for the time to the next reminder; the last timeout is an answer."""
    asked: list[str] = []
    comms = SimpleNamespace(send=lambda msg: asked.append(msg.subject))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms, raising=False)
    timeout = approval.task.response_timeout
    with pytest.raises(TaskAwaitingInput) as waiting:
        approval.task.execute(approval.context())
    assert waiting.value.timeout == pytest.approx(timeout / 2, abs=timedelta(minutes=10))
    for over, left in ((0.5, 0.4), (0.9, 0.1)):
        wait = ApprovalWait.of(datetime.now(UTC) - over * timeout, timeout).to_json()
        with pytest.raises(TaskAwaitingInput) as waiting:
            approval.task.execute_complete(approval.context(), TIMEOUT, wait=wait)
        assert waiting.value.timeout == pytest.approx(left * timeout, abs=timedelta(minutes=10))
        assert waiting.value.kwargs == {"wait": wait}
    assert len(asked) == 3
    assert approval.recorded() == []
    over_now = ApprovalWait.of(datetime.now(UTC) - timeout, timeout).to_json()
    with pytest.raises(DownstreamTasksSkipped):
        approval.task.execute_complete(approval.context(), TIMEOUT, wait=over_now)
    assert approval.recorded() == [("nobody", "timeout", "")]
    reminders = ["approval_reminder"] * 2
    assert approval.told() == ["approval_waiting", *reminders, "approval_expired"]


def test_an_answer_before_the_next_reminder_is_the_answer(approval: ApprovalTask) -> None:
    """A question that is not over for its time takes it, and nobody is told of an approval."""
    wait = ApprovalWait.of(datetime.now(UTC), timedelta(hours=1)).to_json()
    approval.task.execute_complete(approval.context(), event("Approve"), wait=wait)
    assert approval.recorded() == [("ada", "approve", "well")]
    assert approval.told() == []


def test_a_cleared_task_asks_again() -> None:
    """A retry keeps the maximum number of tries, clearing raises it."""
    assert is_retry(try_number=2, max_tries=2, retries=2)
    assert not is_retry(try_number=1, max_tries=2, retries=2)
    assert not is_retry(try_number=2, max_tries=3, retries=2)


def test_who_answers_has_a_name_and_an_id() -> None:
    """A name that differs from the id is recorded with it: names are not unique."""
    assert (
        answer_of(event("Approve", responded_by_user={"id": "17", "name": "Ada"})).who == "Ada (17)"
    )


def test_only_the_specs_approvers_are_asked_and_silence_is_a_no(approval: ApprovalTask) -> None:
    """The question has the approvers, the default and the time limit."""
    assert approval.task.assigned_users == [{"id": "ada", "name": "ada"}]
    assert approval.task.defaults == ["Reject"]
    assert approval.task.response_timeout == approval.environment.release.approval_timeout
    assert list(approval.task.params) == ["comment"]
