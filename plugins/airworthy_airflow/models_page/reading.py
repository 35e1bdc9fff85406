"""What the pages read: the environment, the models that a user may read, one model."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import HTTPException, Path
from sqlalchemy.orm import Session

from airworthy.environment import Environment, load_environment
from airworthy.model_status.history import model_history
from airworthy.model_status.known_models import known_models
from airworthy.model_status.model_history import ModelHistory
from airworthy.model_status.summaries import model_summaries
from airworthy_airflow.access.page_login import readable, require_readable
from airworthy_airflow.models_page.airflow_facts import airflow_facts
from airworthy_airflow.models_page.model_rows import ModelRow

ModelName = Annotated[str, Path(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=200)]
"""A parameter of a route: a model's name, and nothing that could be a path."""


def readable_rows(session: Session, user: BaseUser) -> list[ModelRow]:
    """Return a row for each model that a user may read."""
    summaries = {each.state.model: each for each in model_summaries(load_environment())}
    names = readable(user, summaries)
    facts = airflow_facts(session, names)
    return [ModelRow(summaries[name], facts[name]) for name in sorted(names)]


def readable_history(user: BaseUser, model: str) -> tuple[Environment, ModelHistory]:
    """Return the environment, and the history of a model that a user may read.

    Raises:
        HTTPException: 404, when there is no such model, or the user may not read it.
    """
    require_readable(user, model)
    environment = load_environment()
    if model not in known_models(environment):
        raise HTTPException(404, f"there is no model {model} that you may read")
    return environment, model_history(environment, model)
