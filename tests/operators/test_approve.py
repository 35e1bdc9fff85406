"""The approval task: what becomes of an answer, of none, of a strange one, and of one whose task was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, DownstreamTasksSkipped

from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.registry.registry import open_registry
from airworthy.spec import load_spec
from airworthy.spec.release_part import Release
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.operators.approve_operator import answer_of, is_retry

from .test_approval_brief import HANDED
from .test_operators import context

MODEL = "delivery_eta"
NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
ADA = {"id": "ada", "name": "ada"}
FOLLOWING = {"release.rollout_shadow", "release.rollout_50", "release.deploy_production"}


def event(option: str, **changes: Any) -> dict[str, Any]:
    """Return what Airflow resumes the task with."""
    answer = {
        "chosen_options": [option],
        "params_input": {"comment": "well"},
        "responded_at": NOW,
        "timedout": False,
    }
    return {**answer, "responded_by_user": ADA, **changes}


TIMEOUT = event("Reject", responded_by_user=None, timedout=True, params_input={"comment": ""})


class Asked:
    """The approval task of a release, with a registered version to decide on and what Airflow gives to a task."""

    def __init__(self, environment: Environment) -> None:
        spec = load_spec(environment.models / MODEL / "model.yaml")
        rules = Release(approval="required", rollout=["shadow", 50, "full"], approvers=["ada"])
        self.task = build_train_dag(
            spec.model_copy(update={"release": rules}), environment
        ).get_task("release.approve")
        client = open_registry(environment).client
        client.create_registered_model(MODEL)
        made = client.create_model_version(
            MODEL, "file:///nowhere", tags={"airworthy.bundle_digest": "d"}
        )
        self.task.handed = {
            **HANDED,
            "version": {**HANDED["version"], "version": str(made.version)},
        }
        self.environment = environment
        self.pushed: dict[str, Any] = {}

    def context(self, try_number: int = 1) -> Any:
        """Return the context of a try."""
        ti = SimpleNamespace(
            try_number=try_number,
            max_tries=2,
            map_index=-1,
            xcom_push=lambda key, value: self.pushed.update({key: value}),
        )
        return {**context(), "ti": ti, "task": self.task}

    def recorded(self) -> list[tuple[str, str, str]]:
        """Return who decided what, with which comment."""
        entries = open_ledger(self.environment, MODEL).entries()
        return [(e.who, e.event.decision, e.event.comment) for e in entries if e.kind == "approval"]


@pytest.fixture
def asked(environment: Environment) -> Asked:
    return Asked(environment)


def test_an_approval_is_recorded_and_handed_over(asked: Asked) -> None:
    """Person, decision, comment and time are in the ledger; the same is the task's XCom, as plain JSON."""
    handed = asked.task.execute_complete(asked.context(), event("Approve"))
    assert asked.recorded() == [("ada", "approve", "well")]
    assert (handed["who"], handed["at"]) == ("ada", "2026-03-20T09:30:00Z")


@pytest.mark.parametrize(
    ("answer", "record"),
    [(event("Reject"), ("ada", "reject", "well")), (TIMEOUT, ("nobody", "timeout", ""))],
    ids=["rejected", "nobody answered"],
)
def test_a_rejection_skips_all_that_follows(
    asked: Asked, answer: dict[str, Any], record: tuple[str, ...]
) -> None:
    """Everything downstream but the task that cleans up; the record is made, and handed over, before."""
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        asked.task.execute_complete(asked.context(), answer)
    assert set(skipped.value.tasks) == FOLLOWING
    assert asked.recorded() == [record]
    assert asked.pushed["return_value"]["decision"] == record[1]


@pytest.mark.parametrize(
    "answer",
    [
        event("Perhaps"),
        event("Approve", params_input={"comment": 5}),
        event("Approve", params_input={"vote": "yes"}),
    ],
    ids=["another option", "no text", "another field"],
)
def test_a_strange_answer_approves_nothing(asked: Asked, answer: dict[str, Any]) -> None:
    """It is asked for again, by a retry, without a traceback; nothing is recorded."""
    with pytest.raises(AirflowException, match="cannot be taken") as failure:
        asked.task.execute_complete(asked.context(), answer)
    assert not isinstance(failure.value, AirflowFailException)
    assert asked.recorded() == []


def test_other_files_than_those_that_were_judged_are_not_approved(asked: Asked) -> None:
    """An answer is for exactly what the verdict was made of."""
    asked.task.handed["version"]["bundle_digest"] = "another"
    with pytest.raises(AirflowFailException, match="other files"):
        asked.task.execute_complete(asked.context(), event("Approve"))
    assert asked.recorded() == []


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_a_recorded_answer_is_not_asked_for_again(asked: Asked, option: str) -> None:
    """A task that was lost after it recorded its answer goes on with it in its next try, and leaves one record."""
    first = _end_of(asked, lambda: asked.task.execute_complete(asked.context(), event(option)))
    assert _end_of(asked, lambda: asked.task.execute(asked.context(try_number=2))) == first
    assert len(asked.recorded()) == 1


def _end_of(asked: Asked, run: Any) -> tuple[str, set[str]]:
    """Return the decision that was handed over and the tasks that were skipped."""
    try:
        return run()["decision"], set()
    except DownstreamTasksSkipped as skipped:
        return asked.pushed["return_value"]["decision"], set(skipped.tasks)


def test_a_cleared_task_asks_again() -> None:
    """A retry keeps the number of tries that there may be, clearing raises it."""
    assert is_retry(try_number=2, max_tries=2, retries=2)
    assert not is_retry(try_number=1, max_tries=2, retries=2)
    assert not is_retry(try_number=2, max_tries=3, retries=2)


def test_who_answers_has_a_name_and_an_id() -> None:
    """Where the two differ, both are recorded: names are not unique."""
    assert (
        answer_of(event("Approve", responded_by_user={"id": "17", "name": "Ada"})).who == "Ada (17)"
    )


def test_only_the_specs_approvers_are_asked_and_silence_is_a_no(asked: Asked) -> None:
    """What Airflow is told of the question."""
    assert asked.task.assigned_users == [{"id": "ada", "name": "ada"}]
    assert asked.task.defaults == ["Reject"]
    assert asked.task.response_timeout == asked.environment.release.approval_timeout
    assert list(asked.task.params) == ["comment"]
