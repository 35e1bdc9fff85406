"""The rights that actions need: those of Airflow's own routes for the same work, and the role's `flags`."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

from airworthy_airflow.access.page_login import dag_details
from airworthy_airflow.access.roles_auth_manager import RolesAuthManager


def may_start_runs(user: BaseUser, dag_id: str) -> bool:
    """Return whether a user may start runs of a DAG."""
    return bool(
        get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=dag_details(dag_id), user=user
        )
    )


def may_answer(user: BaseUser, dag_id: str) -> bool:
    """Return whether a user may answer the questions of a DAG's runs."""
    return bool(
        get_auth_manager().is_authorized_dag(
            method="PUT",
            access_entity=DagAccessEntity.HITL_DETAIL,
            details=dag_details(dag_id),
            user=user,
        )
    )


def may_pause(user: BaseUser, dag_id: str) -> bool:
    """Return whether a user may pause and unpause a DAG."""
    return bool(
        get_auth_manager().is_authorized_dag(method="PUT", details=dag_details(dag_id), user=user)
    )


def may_roll_back(user: BaseUser, model: str) -> bool:
    """Return whether a user may start a rollback, and so may end a rollout."""
    return may_start_runs(user, f"{model}__rollback")


def may_turn_flags(user: BaseUser, model: str) -> bool:
    """Return whether a user may turn a model's kill switch.

    Airflow has no word for it. A role that is not of our file needs the right to roll back.
    """
    manager = get_auth_manager()
    if isinstance(manager, RolesAuthManager) and manager.has_roles(user):
        return manager.has_right(user, "flags")
    return may_roll_back(user, model)
