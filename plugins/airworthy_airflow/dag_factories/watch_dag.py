"""The DAGs after a release: the watch of a new champion, and the rollback drill."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable

from airworthy.days import midnight
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy_airflow.assets import champion_asset
from airworthy_airflow.operators import (
    RollbackDrillOperator,
    WatchOperator,
    WatchRollbackOperator,
)


def build_watch_dag(spec: ModelSpec, watch: timedelta) -> DAG:
    """Return ``<model>__watch``: ``watch >> roll_back``, started when the champion moves.

    It is not paused at first, as the rollback DAG: a bad version must not wait for a toggle.

    Args:
        spec: The model's spec.
        watch: The time that a new champion is watched for.
    """
    with DAG(
        dag_id=f"{spec.model}__watch",
        description=f"Watches a new champion of {spec.model}, and goes back when it is bad.",
        schedule=[champion_asset(spec.model)],
        start_date=midnight(spec.start),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags={"airworthy", "watch", spec.model},
        default_args={"owner": spec.owner},
        doc_md=_watch_doc(spec, watch),
    ) as dag:
        looks = WatchOperator(task_id="watch", model=spec.model)
        WatchRollbackOperator(
            task_id="roll_back", model=spec.model, inputs={"watch_status": looks.output}
        )
    return dag


def build_drill_dag(spec: ModelSpec, schedule: str) -> DAG:
    """Return ``<model>__rollback_drill``: one task, by the spec's ``release.drill``.

    Args:
        spec: The model's spec.
        schedule: The cron expression, UTC.
    """
    with DAG(
        dag_id=f"{spec.model}__rollback_drill",
        description=f"Rehearses a rollback of {spec.model} in staging.",
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=midnight(spec.start),
        catchup=False,
        max_active_runs=1,
        tags={"airworthy", "rollback", spec.model},
        default_args={"owner": spec.owner},
        doc_md=f"## {spec.model}: rollback drill\n\n{RollbackDrillOperator.task_doc_md}\n\nThe same "
        f"from a terminal: `airworthy drill {spec.model}`.",
    ) as dag:
        RollbackDrillOperator(task_id="rollback_drill", model=spec.model)
    return dag


def _watch_doc(spec: ModelSpec, watch: timedelta) -> str:
    return (
        f"## {spec.model}: watch\n\n{WatchOperator.task_doc_md}\n\nA new champion is watched for "
        f"{format_duration(watch)}. A version that traffic went back to is not watched: a person decides what comes "
        f"next. The same from a terminal: `airworthy watch {spec.model}`. What was found: "
        f"`airworthy ledger {spec.model}`."
    )
