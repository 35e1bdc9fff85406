"""The actions that pause and unpause a model's DAGs."""

from __future__ import annotations

from typing import ClassVar, Final

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.datamodels.dags import DAGPatchBody
from airflow.api_fastapi.core_api.routes.public.dags import patch_dag
from airflow.models.dag import DagModel
from fastapi import HTTPException
from sqlalchemy import select

from airworthy_airflow.access.page_actions import may_pause
from airworthy_airflow.models_page.actions_base import Action, Boxes, Done, Plan, Scene
from airworthy_airflow.models_page.actions_refusals import ActionRefusedError, airflow_refusal
from airworthy_airflow.models_page.form_token import FormToken

SCHEDULED: Final = ("train", "monitor", "score", "rollback_drill")
"""The DAGs that work by a schedule or on new data."""
GUARDING: Final = ("watch", "rollback")
"""The DAGs that an emergency needs. They are never paused here."""


class _Toggle(Action):
    """Sets the toggles of the model's DAGs, as the user chooses."""

    kinds: ClassVar[tuple[str, ...]]
    pauses: ClassVar[bool]

    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether the user may edit the train DAG."""
        return may_pause(user, f"{model}__train")

    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:  # noqa: ARG002 - both are in the audit log
        """Set the toggles by Airflow's own route."""
        possible = [dag.dag_id for dag in self._dags(scene)]
        chosen = [each for each in possible if each in scene.chosen.get("dag", [])]
        if not chosen:
            raise ActionRefusedError(400, "no DAG is chosen, so nothing was done", "check a box")
        for dag_id in chosen:
            try:
                body = DAGPatchBody(is_paused=self.pauses)
                patch_dag(dag_id, body, scene.session, update_mask=None)
            except HTTPException as error:
                raise airflow_refusal(error) from None
        scene.session.flush()
        word = "Paused" if self.pauses else "Unpaused"
        return Done(f"{word}: {', '.join(chosen)}.", chosen[0])

    def _dags(self, scene: Scene) -> list[DagModel]:
        """Return the DAGs whose toggle can be set: those that are not set so, and are the user's.

        Raises:
            ActionRefusedError: when there is none.
        """
        ids = [f"{scene.model}__{kind}" for kind in self.kinds]
        query = select(DagModel).where(
            DagModel.dag_id.in_(ids),
            DagModel.is_stale.is_(False),
            DagModel.is_paused.is_(not self.pauses),
        )
        found = {dag.dag_id: dag for dag in scene.session.scalars(query)}
        dags = [found[each] for each in ids if each in found and may_pause(scene.user, each)]
        if not dags:
            word = "paused" if self.pauses else "unpaused"
            raise ActionRefusedError(
                409, f"every DAG of {scene.model} that this could change is {word} already"
            )
        return dags


class Pause(_Toggle):
    """Pauses the DAGs that work by a schedule or on new data."""

    name: ClassVar[str] = "pause"
    title: ClassVar[str] = "Pause"
    button: ClassVar[str] = "Pause"
    kinds: ClassVar[tuple[str, ...]] = SCHEDULED
    pauses: ClassVar[bool] = True

    def plan(self, scene: Scene) -> Plan:
        """Return the DAGs that can be paused.

        Raises:
            ActionRefusedError: when all are.
        """
        dags = self._dags(scene)
        effects = [
            "The checked DAGs start no further runs: not by their schedule, and not on new data. "
            "Tasks that run now end by themselves; the tasks after them wait.",
            "The champion goes on answering. Watch and rollback stay on: they guard it.",
        ]
        if any(dag.dag_id.endswith("__train") for dag in dags):
            effects.append(
                "A rollout or an approval of a paused train DAG waits too: stop the rollout first "
                "when it must not stay as it is."
            )
        ids = [dag.dag_id for dag in dags]
        return Plan(effects, "not paused: " + " ".join(ids), boxes=Boxes("dag", "DAGs", ids))


class Unpause(_Toggle):
    """Unpauses the model's DAGs."""

    name: ClassVar[str] = "unpause"
    title: ClassVar[str] = "Unpause"
    button: ClassVar[str] = "Unpause"
    kinds: ClassVar[tuple[str, ...]] = (*SCHEDULED, *GUARDING)
    pauses: ClassVar[bool] = False

    def plan(self, scene: Scene) -> Plan:
        """Return the DAGs that can be unpaused.

        Raises:
            ActionRefusedError: when none is paused.
        """
        dags = self._dags(scene)
        effects = [
            "The checked DAGs run by their schedule and on new data again, and their queued runs "
            "begin.",
            *(_schedule_text(dag) for dag in dags),
        ]
        ids = [dag.dag_id for dag in dags]
        return Plan(effects, "paused: " + " ".join(ids), boxes=Boxes("dag", "DAGs", ids))


def _schedule_text(dag: DagModel) -> str:
    schedule = dag.timetable_summary or "none: it is started by a person or a program"
    after = dag.next_dagrun_create_after
    due = f"; its next run is due at {after:%Y-%m-%d %H:%M} UTC" if after else ""
    return f"{dag.dag_id}: schedule {schedule}{due}."
