"""The actions that start a DAG run: train, and roll back."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.common.dagbag import create_dag_bag
from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.api_fastapi.core_api.routes.public.dag_run import trigger_dag_run
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState
from fastapi import HTTPException
from sqlalchemy import func, select

from airworthy.handover import RollbackRequest
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.release.release_rules import ReleaseRules, release_rules
from airworthy.release.rollback_plan import RollbackPlan, interrupted_rollback, plan_rollback
from airworthy.spec import load_spec
from airworthy.spec.fields import format_duration
from airworthy.spec.loading import SPEC_FILE
from airworthy.traffic import traffic_of
from airworthy.traffic.current_traffic import retired_error
from airworthy_airflow.access.page_actions import may_roll_back, may_start_runs
from airworthy_airflow.models_page.actions_base import Action, Alternative, Done, Plan, Scene
from airworthy_airflow.models_page.actions_refusals import airflow_refusal
from airworthy_airflow.models_page.form_token import FormToken
from airworthy_airflow.spec_text import rollout_text


class Train(Action):
    """Starts a run of the train DAG."""

    name: ClassVar[str] = "train"
    title: ClassVar[str] = "Train a challenger"
    button: ClassVar[str] = "Train"

    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether the user may start runs of the train DAG."""
        return may_start_runs(user, f"{model}__train")

    def plan(self, scene: Scene) -> Plan:
        """Return what a run would do.

        Raises:
            ActionRefusedError: when the DAG is missing, broken or paused.
            TerminalError: when the model is retired, or its spec has faults.
        """
        dag, traffic = scene.running_dag("train"), traffic_of(scene.entries)
        if traffic.retired is not None:
            raise retired_error(scene.model, traffic.retired)
        spec = load_spec(scene.environment.models / scene.model / SPEC_FILE)
        effects = [
            f"A run of {dag.dag_id} starts in your name. It reads the source's data, trains a "
            "challenger and judges it.",
            _release_text(release_rules(spec, scene.environment), traffic.champion_version),
        ]
        running = _open_runs(scene, dag.dag_id)
        if running:
            effects.append(
                f"Runs of this DAG that are under way or queued: {running}. At most "
                f"{dag.max_active_runs} go on at a time; the others wait."
            )
        return Plan(effects, scene.newest_entry)

    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:
        """Start the run. The reason is its note."""
        dag_id = f"{scene.model}__train"
        start_run(scene, dag_id, token, {"reason": "manual"}, reason)
        return Done("The run has been queued.", dag_id, token.run_id)


class RollBack(Action):
    """Starts a run of the rollback DAG."""

    name: ClassVar[str] = "roll_back"
    title: ClassVar[str] = "Roll back"
    button: ClassVar[str] = "Roll back"
    is_grave: ClassVar[bool] = True

    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether the user may start runs of the rollback DAG."""
        return may_roll_back(user, model)

    def plan(self, scene: Scene) -> Plan:
        """Return what a rollback would do now.

        Raises:
            ActionRefusedError: when the DAG is missing or paused.
            TerminalError: when there is no champion, or no version to go back to.
        """
        dag, rollback = scene.running_dag("rollback"), _rollback(scene)
        effects = [
            _rollback_text(rollback),
            f"Version {rollback.from_version} is marked as rolled back. It does not come back by "
            "itself. The reason is its mark, and is in the ledger.",
            f"A run of {dag.dag_id} starts in your name. It first checks files and answers of "
            f"version {rollback.to_version}. When a check fails, nothing moves.",
        ]
        chosen = scene.chosen_value("to_version")
        return Plan(
            effects,
            f"{scene.newest_entry} {chosen}",
            hidden={"to_version": chosen} if chosen else {},
            alternatives=_other_versions(scene, rollback),
        )

    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:
        """Start the run."""
        rollback = _rollback(scene)
        versions = {
            "to_version": rollback.to_version if rollback.named else None,
            "from_version": None if rollback.withdraws else rollback.from_version,
        }
        dag_id, conf = f"{scene.model}__rollback", {**versions, "reason": reason}
        start_run(scene, dag_id, token, conf, reason)
        sentence = (
            f"The rollback from version {rollback.from_version} to version {rollback.to_version} "
            "has been queued."
        )
        return Done(sentence, dag_id, token.run_id)


def start_run(scene: Scene, dag_id: str, token: FormToken, conf: dict[str, Any], note: str) -> None:
    """Start a run of a DAG by Airflow's own route for it. The same form starts one run at most.

    Args:
        scene: The scene.
        dag_id: The DAG.
        token: The form's token.
        conf: The run's configuration.
        note: The run's note.

    Raises:
        ActionRefusedError: when Airflow refuses it.
        SQLAlchemyError: when the run is there already.
    """
    body = TriggerDAGRunPostBody(dag_run_id=token.run_id, logical_date=None, conf=conf, note=note)
    try:
        trigger_dag_run(dag_id, body, _dag_bag(), scene.user, scene.session, scene.request)
    except HTTPException as error:
        raise airflow_refusal(error) from None
    scene.session.flush()


@cache
def _dag_bag() -> DBDagBag:
    return create_dag_bag()


def _open_runs(scene: Scene, dag_id: str) -> int:
    open_states = (DagRunState.QUEUED, DagRunState.RUNNING)
    query = select(func.count()).where(DagRun.dag_id == dag_id, DagRun.state.in_(open_states))
    return scene.session.scalar(query) or 0


def _release_text(rules: ReleaseRules, champion: str | None) -> str:
    stays = f"version {champion} stays champion" if champion else "no version serves yet"
    asks = ""
    if rules.approval == "required":
        timeout = format_duration(rules.approval_timeout)
        asks = f"a person is asked for an approval ({timeout} for an answer), then "
    return (
        f"While a gate fails, {stays}. When all gates pass, {asks}{rollout_text(rules)}: the "
        "challenger is champion then."
    )


def _rollback(scene: Scene) -> RollbackPlan:
    """Return the rollback that the run would do, by the ledger as it is now.

    A version that was champion had been approved. The run asks the registry too, and refuses a
    version that was deleted there.
    """
    entries, traffic = scene.entries, traffic_of(scene.entries)
    champions = {move.event.to for move in alias_moves(entries)}
    to_version = scene.chosen_value("to_version") or None
    request = RollbackRequest(to_version=to_version, reason="by the Models page")
    interrupted = interrupted_rollback(entries, "", request, traffic.champion_version)
    if interrupted is not None:
        return interrupted
    challenger = traffic.rollout.challenger if traffic.rollout else None
    return plan_rollback(entries, "", request, traffic.champion_version, champions, challenger)


def _rollback_text(rollback: RollbackPlan) -> str:
    if rollback.withdraws:
        return (
            f"Version {rollback.from_version}, which is under rollout, gets no more traffic. "
            f"Version {rollback.to_version} stays champion and answers every request."
        )
    return (
        f"All traffic goes from version {rollback.from_version} back to version "
        f"{rollback.to_version}, which was champion before."
    )


def _other_versions(scene: Scene, rollback: RollbackPlan) -> list[Alternative]:
    """Return the other earlier champions, the last one first."""
    moves = alias_moves(scene.entries)
    former = list(dict.fromkeys(move.event.to for move in reversed(moves)))
    return [
        Alternative(f"Back to version {version}", "to_version", version)
        for version in former
        if version not in (rollback.from_version, rollback.to_version)
    ]
