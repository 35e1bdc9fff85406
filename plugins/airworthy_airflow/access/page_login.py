"""Airflow's login, and the models that a user may read. Each route of our pages depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException

User = Annotated[BaseUser, Depends(get_user)]
"""A parameter of a route: the user that is logged in. Without one the answer is 401 or 403."""


def train_dag_id(model: str) -> str:
    """Return the id of a model's train DAG: to read it is to read the model."""
    return f"{model}__train"


def may_read(user: BaseUser, model: str) -> bool:
    """Return whether a user may read a model: its train DAG."""
    return bool(
        get_auth_manager().is_authorized_dag(
            method="GET", details=dag_details(train_dag_id(model)), user=user
        )
    )


def readable(user: BaseUser, models: Iterable[str]) -> set[str]:
    """Return the models that a user may read. Airflow is asked once for each team."""
    dags = {train_dag_id(model): model for model in models}
    teams = DagModel.get_dag_id_to_team_name_mapping(list(dags))
    manager = get_auth_manager()
    allowed: set[str] = set()
    for team in {teams.get(dag) for dag in dags}:
        of_team = {dag for dag in dags if teams.get(dag) == team}
        allowed |= manager.filter_authorized_dag_ids(
            dag_ids=of_team, user=user, method="GET", team_name=team
        )
    return {dags[dag] for dag in allowed}


def require_readable(user: BaseUser, model: str) -> None:
    """Refuse a model that a user may not read as one that is not there.

    Raises:
        HTTPException: 404.
    """
    if not may_read(user, model):
        raise HTTPException(404, f"there is no model {model} that you may read")


def dag_details(dag_id: str) -> DagDetails:
    """Return a DAG as the auth manager asks for it."""
    return DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
