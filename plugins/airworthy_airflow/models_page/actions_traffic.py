"""The actions that need no DAG run: stop a rollout, and turn the kill switch."""

from __future__ import annotations

from typing import ClassVar

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

from airworthy.errors import AirworthyError
from airworthy.release.release_record import step_name
from airworthy.release.rollout_flags import kill_switch_is_on
from airworthy.release.stop_by_hand import no_rollout, stop_rollout, turn_kill_switch
from airworthy.traffic import traffic_of
from airworthy_airflow.access.page_actions import may_roll_back, may_turn_flags
from airworthy_airflow.models_page.actions_base import Action, Done, Plan, Scene
from airworthy_airflow.models_page.form_token import FormToken


class StopRollout(Action):
    """Ends a rollout in the ledger."""

    name: ClassVar[str] = "stop_rollout"
    title: ClassVar[str] = "Stop the rollout"
    button: ClassVar[str] = "Stop rollout"
    is_grave: ClassVar[bool] = True

    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether the user may start a rollback, which can do the same."""
        return may_roll_back(user, model)

    def plan(self, scene: Scene) -> Plan:
        """Return what an end of the rollout would do.

        Raises:
            TerminalError: when there is no rollout.
        """
        traffic = traffic_of(scene.entries)
        rollout = traffic.rollout
        if rollout is None:
            raise no_rollout(scene.model, traffic.champion_version)
        effects = [
            f"Version {rollout.challenger}, under rollout ({step_name(rollout.step)}), gets no more "
            f"traffic. Version {rollout.champion} stays champion and answers every request.",
            f"The run {rollout.run_id} sees it at its next look and ends as failed. The version is "
            "not marked as rolled back: a later run may release it.",
        ]
        return Plan(effects, scene.newest_entry)

    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:
        """Record the end."""
        entry = stop_rollout(scene.environment, scene.model, reason, scene.caller(token))
        sentence = f"The rollout of version {entry.event.version} has ended."
        return Done(sentence, f"{scene.model}__train", entry.run_id)


class KillSwitch(Action):
    """Turns the kill switch on when it is off, and off when it is on."""

    name: ClassVar[str] = "kill_switch"
    title: ClassVar[str] = "Turn the kill switch on or off"
    button: ClassVar[str] = "Kill switch"
    is_grave: ClassVar[bool] = True

    def is_permitted(self, user: BaseUser, model: str) -> bool:
        """Return whether the user may turn flags."""
        return may_turn_flags(user, model)

    def plan(self, scene: Scene) -> Plan:
        """Return what a turn would do. It needs the flags alone: the ledger may be away.

        Raises:
            TerminalError: when the flag file does not hold flags.
        """
        if kill_switch_is_on(scene.environment.flags_address, scene.model):
            return Plan(
                [
                    f"The kill switch of {scene.model} is on. It is turned off: a rollout can begin "
                    "again. A rollout that it ended stays ended."
                ],
                "on",
            )
        return Plan(
            [
                f"The kill switch of {scene.model} is off. It is turned on: the champion answers "
                "every request within seconds, also those of a rollout.",
                "A rollout under way ends, and no other one begins until somebody turns the switch "
                "off.",
            ],
            "off",
        )

    def act(self, scene: Scene, token: FormToken, reason: str) -> Done:
        """Turn it."""
        flags, dag_id = scene.environment.flags_address, f"{scene.model}__train"
        on = token.state == "off"
        caller = scene.caller(token)
        try:
            turn_kill_switch(scene.environment, scene.model, on=on, reason=reason, caller=caller)
        except AirworthyError as error:
            if kill_switch_is_on(flags, scene.model) != on:
                raise
            # A ledger that is away keeps no switch as it is. Airflow's audit log has the turn.
            return Done(f"Done, with a fault: {error.problem}", dag_id)
        return Done(f"The kill switch is {'on' if on else 'off'} now.", dag_id)
