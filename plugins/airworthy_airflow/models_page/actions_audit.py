"""Airflow's audit log of actions. It has who did what and why, and which forms were used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from airflow.models.log import Log
from sqlalchemy import select

from airworthy_airflow.models_page.actions_base import Action, Done, Scene
from airworthy_airflow.models_page.actions_refusals import LOOK_AGAIN, ActionRefusedError
from airworthy_airflow.models_page.form_token import LONGEST_SECONDS, FormToken


def require_unused(scene: Scene, action: Action, token: FormToken) -> None:
    """Refuse a form that was used.

    Raises:
        ActionRefusedError: when it was.
    """
    since = datetime.now(UTC) - timedelta(seconds=2 * LONGEST_SECONDS)
    query = select(Log.id).where(
        Log.event == _event(action), Log.dttm >= since, Log.extra.contains(token.nonce)
    )
    if scene.session.scalar(query.limit(1)) is not None:
        raise ActionRefusedError(
            409, "this form was sent before, and its action is done", LOOK_AGAIN
        )


def record_action(scene: Scene, action: Action, token: FormToken, reason: str, done: Done) -> None:
    """Write an action that was done into the audit log.

    Args:
        scene: The scene.
        action: The action.
        token: The form's token: it opens nothing more.
        reason: The user's reason.
        done: The result.
    """
    name = scene.user.get_name()
    extra = {
        "model": scene.model,
        "reason": reason,
        "result": done.sentence,
        "form": token.nonce,
    }
    scene.session.add(
        Log(
            event=_event(action),
            owner=name,
            owner_display_name=name,
            extra=json.dumps(extra),
            dag_id=done.dag_id,
            run_id=done.run_id,
        )
    )


def _event(action: Action) -> str:
    return f"airworthy.{action.name}"
