"""Refusals and errors of actions, as pages: what is wrong, whether anything was done, and what next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from airworthy.errors import AirworthyError, SupersededError, TransientError
from airworthy_airflow.models_page.rendering import page

LOOK_AGAIN: Final = "look again: the page shows what the action would do now"
_LOG = logging.getLogger(__name__)


class ActionRefusedError(Exception):
    """An action cannot be done now, or not by this user, or not by this request.

    Nothing was done, unless it says that this is not certain.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        next_step: str | None = None,
        *,
        is_certain: bool = True,
        reason: str = "",
    ) -> None:
        """Keep the parts.

        Args:
            status: The HTTP status.
            problem: The problem in a sentence.
            next_step: What to do next, if there is anything.
            is_certain: Whether it is certain that nothing was done.
            reason: The user's reason, to be copied for another try; empty: none was sent.
        """
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.next_step = next_step
        self.is_certain = is_certain
        self.reason = reason


class ActionRoute(APIRoute):
    """A route whose refusals and errors are pages: what is wrong, that nothing was done, what next."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def handle_with_pages(request: Request) -> Response:
            try:
                return await handle(request)
            except (HTTPException, RequestValidationError):
                raise
            except Exception as error:
                return refusal_page(request, refusal_of(error))

        return handle_with_pages


def refusal_of(error: Exception) -> ActionRefusedError:
    """Return an error as a refusal. The log gets what is not for the user."""
    match error:
        case ActionRefusedError():
            return error
        case SupersededError():
            return ActionRefusedError(409, f"the ledger moved: {error.problem}", LOOK_AGAIN)
        case AirworthyError():
            status = 503 if isinstance(error, TransientError) else 409
            return ActionRefusedError(status, _with_parts(error), error.next_step)
        case IntegrityError():
            return ActionRefusedError(409, "this form was sent before", LOOK_AGAIN)
    _LOG.error("an action of the Models page failed", exc_info=error)
    words = "an unexpected error; the log of Airflow's API server has it"
    if isinstance(error, SQLAlchemyError):
        words = "Airflow's database does not answer as it should"
    return ActionRefusedError(
        503 if isinstance(error, SQLAlchemyError) else 500, words, LOOK_AGAIN, is_certain=False
    )


def _with_parts(error: AirworthyError) -> str:
    known = (("received", error.received), ("allowed", error.allowed))
    parts = [f"{name}: {value}" for name, value in known if value is not None]
    return f"{error.problem} ({'; '.join(parts)})" if parts else error.problem


def refusal_page(request: Request, error: ActionRefusedError) -> Response:
    """Return the page of a refusal."""
    model = str(request.path_params.get("model", ""))
    name = str(request.path_params.get("action", ""))
    values = {
        "model": model,
        "action": name,
        "status": error.status,
        "problem": error.problem,
        "next_step": error.next_step,
        "is_certain": error.is_certain,
        "reason": error.reason,
    }
    return page(request, "action_refused.html", values, status=error.status)


def airflow_refusal(error: HTTPException) -> ActionRefusedError:
    """Return a refusal of one of Airflow's own routes."""
    return ActionRefusedError(error.status_code, f"Airflow refused it: {error.detail}", LOOK_AGAIN)
