"""The actions that answer the question of a run that waits for an approval."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from fastapi import HTTPException
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from airworthy.ledger.events import StagingCheck
from airworthy.ledger.ledger_queries import of_kind
from airworthy.release.approval_record import trigger_blockers
from airworthy.release.release_rules import release_rules
from airworthy.spec import load_spec
from airworthy.spec.loading import SPEC_FILE
from airworthy_airflow.access.page_actions import may_answer
from airworthy_airflow.models_page.actions_base import Action, Alternative, Done, Plan, Scene
from airworthy_airflow.models_page.actions_refusals import ActionRefusedError, airflow_refusal
from airworthy_airflow.models_page.form_token import FormToken

APPROVAL_TASK: Final = "release.approve"
"""The task of a train DAG that asks for an approval."""
_WAITING: Final = (TaskInstanceState.AWAITING_INPUT, TaskInstanceState.DEFERRED)


class _Answer(Action):
    """Answers the question by Airflow's own route for it."""

    option: ClassVar[str]
    done: ClassVar[str]

    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether the user may answer questions of the train DAG's runs."""
        return may_answer(user, f"{model}__train")

    def plan(self, scene: Scene) -> Plan:
        """Return the question, and the effect of the answer.

        Raises:
            ActionRefusedError: when nothing waits, or the user may not answer.
        """
        task, *others = _questions(scene)
        _require_assigned(scene, task.hitl_detail)
        version = _version(scene, task.run_id)
        self.check(scene, task, version)
        name = f"version {version}" if version else "the version"
        return Plan(
            self.effects(name, task.run_id),
            f"{scene.newest_entry} {task.run_id} {version}",
            hidden={"run_id": task.run_id},
            alternatives=[
                Alternative(f"The run {each.run_id}", "run_id", each.run_id) for each in others
            ],
            subject=task.hitl_detail.subject,
            question=task.hitl_detail.body or "",
        )

    def check(self, scene: Scene, task: TaskInstance, version: str | None) -> None:
        """Refuse what the task would refuse later. A rejection is always taken."""

    @abstractmethod
    def effects(self, version: str, run_id: str) -> list[str]:
        """Return the effects of the answer in sentences."""

    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:  # noqa: ARG002 - the question is answered once
        """Answer the question. The reason is the comment."""
        task = _questions(scene)[0]
        payload = UpdateHITLDetailPayload(
            chosen_options=[self.option], params_input={"comment": reason}
        )
        try:
            update_hitl_detail(
                task.dag_id, task.run_id, task.task_id, payload, scene.user, scene.session
            )
        except HTTPException as error:
            raise airflow_refusal(error) from None
        scene.session.flush()
        return Done(self.done, task.dag_id, task.run_id)


class Approve(_Answer):
    """Lets the version that waits take over."""

    name: ClassVar[str] = "approve"
    title: ClassVar[str] = "Approve"
    button: ClassVar[str] = "Approve"
    option: ClassVar[str] = "Approve"
    done: ClassVar[str] = "The version is approved: its run goes on with the release."

    def check(self, scene: Scene, task: TaskInstance, version: str | None) -> None:
        """Refuse an approval by who triggered the run, where another person must approve.

        Raises:
            ActionRefusedError: when it is refused.
        """
        spec = load_spec(scene.environment.models / scene.model / SPEC_FILE)
        if not release_rules(spec, scene.environment).by_other_than_trigger:
            return
        names = {scene.who, scene.user.get_name()}
        own = trigger_blockers(scene.entries, task.run_id, version or "", names)
        if not own and task.dag_run.triggering_user_name in names:
            own = [f"{scene.who} triggered this run: another person must approve it"]
        if own:
            raise ActionRefusedError(403, "; ".join(own), "ask another person")

    def effects(self, version: str, run_id: str) -> list[str]:
        """Return the effects of an approval."""
        return [
            f"You approve {version} of the run {run_id}. The run goes on with the release: it begins "
            "the rollout, or makes the version champion at once, as the text above says.",
            "Your name, the time and your reason are in the ledger. An approval cannot be taken "
            "back: stop the rollout, or roll back.",
        ]


class Reject(_Answer):
    """Keeps the version that waits out."""

    name: ClassVar[str] = "reject"
    title: ClassVar[str] = "Reject"
    button: ClassVar[str] = "Reject"
    option: ClassVar[str] = "Reject"
    done: ClassVar[str] = "The version is rejected: the champion stays."

    def effects(self, version: str, run_id: str) -> list[str]:
        """Return the effects of a rejection."""
        return [
            f"You reject {version} of the run {run_id}. Everything after the question is skipped and "
            "the champion stays.",
            "Your name, the time and your reason are in the ledger.",
        ]


def _questions(scene: Scene) -> list[TaskInstance]:
    """Return the tasks that wait for an answer: the chosen run's first, then newest first.

    Raises:
        ActionRefusedError: when none waits, or the chosen run waits no more.
    """
    query = (
        select(TaskInstance)
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(
            TaskInstance.dag_id == f"{scene.model}__train",
            TaskInstance.task_id == APPROVAL_TASK,
            TaskInstance.state.in_(_WAITING),
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at.desc())
        .options(joinedload(TaskInstance.hitl_detail), joinedload(TaskInstance.dag_run))
    )
    tasks, chosen = list(scene.session.scalars(query)), scene.chosen_value("run_id")
    if not tasks:
        raise ActionRefusedError(
            409, f"nothing waits for an approval: no run of {scene.model}__train asks a person"
        )
    if chosen and chosen not in {task.run_id for task in tasks}:
        raise ActionRefusedError(409, f"the run {chosen} waits for no answer any more")
    return sorted(tasks, key=lambda task: task.run_id != chosen)


def _require_assigned(scene: Scene, question: HITLDetail) -> None:
    """Refuse a user who is not one of the approvers of the spec.

    Raises:
        ActionRefusedError: when the user is not.
    """
    assigned = {each["id"] for each in question.assigned_users}
    if not assigned or get_auth_manager().is_authorized_hitl_task(
        assigned_users=assigned, user=scene.user
    ):
        return
    raise ActionRefusedError(
        403,
        f"{scene.who} is none of the approvers of {scene.model}: {', '.join(sorted(assigned))}",
        "ask one of them",
    )


def _version(scene: Scene, run_id: str) -> str | None:
    """Return the version that a run had checked in staging last: it asks for this one."""
    checks = of_kind(scene.entries, StagingCheck)
    versions = [entry.event.version for entry in checks if entry.run_id == run_id]
    return versions[-1] if versions else None
