"""Airflow's own facts of the models' DAGs: runs, pauses, open questions. One query for each kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from airworthy_airflow.access.page_login import train_dag_id

_ASKING = (TaskInstanceState.DEFERRED, TaskInstanceState.AWAITING_INPUT)


@dataclass(frozen=True)
class AirflowFacts:
    """Facts of a model's train DAG. Times are in UTC.

    Attributes:
        known: Whether Airflow has parsed the DAG.
        paused: Whether it is paused; None when Airflow does not know the DAG.
        next_run_at: The time of its next run by its schedule, or None.
        last_run_id: Its newest run, or None.
        last_state: That run's state, such as ``success``.
        last_run_at: That run's start, or the time from which it may start.
        asked_since: The time since which a question of it waits for an answer, or None.
        asking_run_id: The run that asks, or None.
    """

    known: bool = False
    paused: bool | None = None
    next_run_at: datetime | None = None
    last_run_id: str | None = None
    last_state: str | None = None
    last_run_at: datetime | None = None
    asked_since: datetime | None = None
    asking_run_id: str | None = None


def airflow_facts(session: Session, models: Iterable[str]) -> dict[str, AirflowFacts]:
    """Return the facts of each model's train DAG."""
    dags = {train_dag_id(model): model for model in models}
    ids = list(dags)
    known, runs, questions = _dags(session, ids), _runs(session, ids), _questions(session, ids)
    return {
        model: AirflowFacts(
            **known.get(dag, {}),
            **runs.get(dag, {}),
            **questions.get(dag, {}),
        )
        for dag, model in dags.items()
    }


def _dags(session: Session, ids: list[str]) -> dict[str, dict[str, Any]]:
    query = select(DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after).where(
        DagModel.dag_id.in_(ids), DagModel.is_stale.is_(False)
    )
    return {
        row.dag_id: {
            "known": True,
            "paused": row.is_paused,
            # A paused DAG keeps the time of the run that does not come.
            "next_run_at": None if row.is_paused else row.next_dagrun_create_after,
        }
        for row in session.execute(query)
    }


def _runs(session: Session, ids: list[str]) -> dict[str, dict[str, Any]]:
    newest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(ids)).group_by(DagRun.dag_id)
    query = select(
        DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.run_after
    ).where(DagRun.id.in_(newest))
    return {
        row.dag_id: {
            "last_run_id": row.run_id,
            "last_state": str(row.state),
            "last_run_at": row.start_date or row.run_after,
        }
        for row in session.execute(query)
    }


def _questions(session: Session, ids: list[str]) -> dict[str, dict[str, Any]]:
    query = (
        select(TaskInstance.dag_id, TaskInstance.run_id, HITLDetail.created_at)
        .join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
        .where(
            TaskInstance.dag_id.in_(ids),
            TaskInstance.state.in_(_ASKING),
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at)
    )
    return {
        row.dag_id: {"asked_since": row.created_at, "asking_run_id": row.run_id}
        for row in session.execute(query)
    }
