"""The DAGs after a release: the watch of a new champion, and the rollback drill."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable

from airworthy.days import midnight
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.spec.waivers import waiver_of
from airworthy_airflow.assets import champion_asset
from airworthy_airflow.dag_factories.rollback_dag import ROLLBACK
from airworthy_airflow.dag_factories.task_doc import CLEAR, TaskDoc, document
from airworthy_airflow.markdown_text import as_text
from airworthy_airflow.operators import (
    RollbackDrillOperator,
    WatchOperator,
    WatchRollbackOperator,
)
from airworthy_airflow.spec_text import guard_text


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
    document(dag, spec.model, {"watch": _watch_task(spec, watch), "roll_back": ROLLBACK})
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
    document(dag, spec.model, {"rollback_drill": _drill_task(spec)})
    return dag


def _watch_task(spec: ModelSpec, watch: timedelta) -> TaskDoc:
    guard, waiver = spec.release.guard, waiver_of(spec.release.waive, "guard")
    held = f"Waived: {as_text(waiver.because)}" if waiver else f"Guard: {guard_text(guard)}."
    return TaskDoc(
        f"the servers could not be asked for too long, and nobody watches the champion. See that they run. {CLEAR}",
        (f"Time: {format_duration(watch)} after the release.", held),
    )


def _drill_task(spec: ModelSpec) -> TaskDoc:
    parity = spec.release.parity
    return TaskDoc(
        "a rollback would not go well today; traffic was not touched. The log names the version and the cause. "
        "Correct it, then clear this task.",
        (f"{parity.rows:,} holdout rows; an answer may differ by {parity.tolerance:g}.",),
    )


def _watch_doc(spec: ModelSpec, watch: timedelta) -> str:
    return (
        f"## {spec.model}: watch\n\n{WatchOperator.task_doc_md}\n\nA new champion is watched for "
        f"{format_duration(watch)}. A version that traffic went back to is not watched: a person decides what comes "
        f"next. The same from a terminal: `airworthy watch {spec.model}`. What was found: "
        f"`airworthy ledger {spec.model}`."
    )
