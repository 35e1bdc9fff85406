"""The rights that actions need: those of Airflow's own routes for the same work."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

from airworthy_airflow.models_page.login import dag_details


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
