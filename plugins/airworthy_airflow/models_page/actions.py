"""The page of each action: what it will do, a reason, and the act itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.utils.session import create_session
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from airworthy.cli.model_names import require_known_model
from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.shown_text import visible
from airworthy_airflow.access.page_login import User, require_readable
from airworthy_airflow.models_page.actions_approval import Approve, Reject
from airworthy_airflow.models_page.actions_audit import record_action, require_unused
from airworthy_airflow.models_page.actions_base import Action, Plan, Scene
from airworthy_airflow.models_page.actions_form import (
    LONGEST_REASON,
    SentForm,
    require_reason,
    require_token,
    sent_form,
)
from airworthy_airflow.models_page.actions_pause import Pause, Unpause
from airworthy_airflow.models_page.actions_refusals import (
    LOOK_AGAIN,
    ActionRefusedError,
    ActionRoute,
)
from airworthy_airflow.models_page.actions_runs import RollBack, Train
from airworthy_airflow.models_page.actions_traffic import KillSwitch, StopRollout
from airworthy_airflow.models_page.form_token import FormToken
from airworthy_airflow.models_page.rendering import page

ACTIONS: Final[dict[str, Action]] = {
    action.name: action
    for action in (
        Train(),
        Approve(),
        Reject(),
        StopRollout(),
        KillSwitch(),
        RollBack(),
        Pause(),
        Unpause(),
    )
}
"""Every action by its name in the address, in the order of the buttons."""

router = APIRouter(route_class=ActionRoute)
# A question's text has no HTML: what looks like it is shown. An image would be asked for.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def permitted_actions(user: BaseUser, model: str) -> list[Action]:
    """Return the actions on a model that Airflow lets a user do, in the order of the buttons.

    An action's own page says whether it makes sense now.
    """
    return [action for action in ACTIONS.values() if action.is_permitted(user, model)]


def permitted_action(user: User, model: str, action: str) -> Action:
    """Return an action that a user may do.

    Raises:
        HTTPException: 404, when the user may not read the model.
        ActionRefusedError: when there is no such action, or the user may not do it.
    """
    require_readable(user, model)
    doing = ACTIONS.get(action)
    if doing is None:
        raise ActionRefusedError(
            404, f"there is no action {action}", f"one of {', '.join(ACTIONS)}"
        )
    if not doing.is_permitted(user, model):
        raise ActionRefusedError(
            403,
            f"{user.get_name()} may look at {model}, and not do this: {doing.title.lower()}",
            "ask who gives rights in this Airflow, or somebody who has the right",
        )
    return doing


Permitted = Annotated[Action, Depends(permitted_action)]
"""A parameter of a route: the action of its address. Before anything of the request is read."""


@router.get("/models/{model}/actions/{action}", response_class=HTMLResponse)
def action_page(request: Request, model: str, user: User, doing: Permitted) -> HTMLResponse:
    """Show what an action would do now, and its form."""
    fields = {name: request.query_params.getlist(name) for name in request.query_params}
    with _scene(request, model, user, fields) as scene:
        plan = doing.plan(scene)
        token = FormToken.new(str(user.get_id()), model, doing.name, plan.state).signed()
        return page(request, "action.html", _values(model, doing, plan) | {"token": token})


@router.post("/models/{model}/actions/{action}", response_class=HTMLResponse)
def act(
    request: Request,
    model: str,
    user: User,
    doing: Permitted,
    form: Annotated[SentForm, Depends(sent_form)],
) -> HTMLResponse:
    """Do an action, when the form is the one of its page and the page is still true."""
    token = require_token(form, user, model, doing.name)
    reason = require_reason(form)
    with _scene(request, model, user, form.fields) as scene:
        require_unused(scene, doing, token)
        if doing.plan(scene).state != token.state:
            moved = "the ledger or Airflow moved since the page was shown"
            raise ActionRefusedError(409, moved, LOOK_AGAIN, reason=reason)
        done = doing.act(scene, token, reason)
        record_action(scene, doing, token, reason, done)
    values = {"model": model, "title": doing.title, "done": done, "reason": reason}
    return page(request, "action_done.html", values)


@contextmanager
def _scene(
    request: Request, model: str, user: BaseUser, chosen: dict[str, list[str]]
) -> Iterator[Scene]:
    """Yield what an action looks at. What it did in Airflow's database is kept at the end."""
    environment = load_environment()
    try:
        require_known_model(environment, model)
    except TerminalError as error:
        raise ActionRefusedError(404, error.problem, error.next_step) from None
    with create_session(scoped=False) as session:
        yield Scene(environment, model, user, session, request, chosen)


def _values(model: str, action: Action, plan: Plan) -> dict[str, object]:
    return {
        "model": model,
        "action": action,
        "plan": plan,
        "question": _MARKDOWN.render(visible(plan.question)) if plan.question else "",
        "longest_reason": LONGEST_REASON,
    }
