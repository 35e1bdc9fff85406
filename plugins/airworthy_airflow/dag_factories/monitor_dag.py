"""The monitor DAG of one model."""

from __future__ import annotations

from copy import copy

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from airworthy.days import midnight
from airworthy.environment import Environment
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy_airflow.alerts.deadline import deadline_of
from airworthy_airflow.dag_factories.monitor_task_docs import monitor_task_docs
from airworthy_airflow.dag_factories.task_doc import document
from airworthy_airflow.operators import (
    CheckAgeOperator,
    CheckDataOperator,
    CheckDriftOperator,
    CheckPerformanceOperator,
    CheckRequestsOperator,
    CheckSkewOperator,
    CollectOperator,
    DecideOperator,
    TriggerRetrainingOperator,
)

PARAMS = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="As of",
        description="Look at the newest window that was complete at this UTC midnight. Empty: now.",
    ),
}


def build_monitor_dag(spec: ModelSpec, environment: Environment) -> DAG:
    """Return ``<model>__monitor``: collect, check, decide, and trigger a training if decided."""
    schedule = spec.monitor.schedule
    with DAG(
        dag_id=f"{spec.model}__monitor",
        description=f"Watches {spec.model} in production and has it trained again when it drifts.",
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC") if schedule else None,
        start_date=midnight(spec.start),
        catchup=False,
        max_active_runs=1,
        tags={"airworthy", "monitor", spec.model},
        default_args={"owner": spec.owner},
        deadline=deadline_of(spec, environment),
        doc_md=_doc(spec),
    ) as dag:
        _tasks(spec.model)
    document(dag, spec.model, monitor_task_docs(spec))
    dag.params.update({name: copy(param) for name, param in PARAMS.items()})
    return dag


def _tasks(model: str) -> None:
    collect = CollectOperator(task_id="collect", model=model)
    # Late data may mean no data, and then nothing can be collected.
    age = CheckAgeOperator(task_id="check_age", model=model, trigger_rule="all_done")
    requests = CheckRequestsOperator(task_id="check_requests", model=model, trigger_rule="all_done")
    data = CheckDataOperator(task_id="check_data", model=model)
    inputs = {"data_check": data.output}
    checks = {
        "skew": CheckSkewOperator(task_id="check_skew", model=model, inputs=inputs),
        "drift": CheckDriftOperator(task_id="check_drift", model=model, inputs=inputs),
        "performance": CheckPerformanceOperator(
            task_id="check_performance", model=model, inputs=inputs
        ),
    }
    signals = {name: check.output for name, check in checks.items()}
    decide = DecideOperator(task_id="decide", model=model, inputs={**inputs, **signals})
    # A run may be killed between its decision and the trigger. The next run then acts on the
    # decision.
    trigger = TriggerRetrainingOperator(
        task_id="trigger_retraining",
        model=model,
        data_check=data.output,
        trigger_rule="none_failed",
    )
    # An input makes a task wait for its operator. These edges have no input.
    collect >> [data, age, requests]
    decide >> trigger


def _doc(spec: ModelSpec) -> str:
    monitor, rules = spec.monitor, spec.monitor.retrain
    return "\n\n".join(
        [
            f"## {spec.model}: monitor",
            f"Judges each window of {format_duration(monitor.window)} once, when it is complete: the expectations, the "
            "inputs against the champion's training data (skew) and against recent production (drift), and the "
            "champion on the labels that have arrived.",
            f"A signal in {rules.persist} windows starts `{spec.model}__train` with the reason `drift` or "
            f"`performance`, {format_duration(rules.cooldown)} after the last training at the earliest. After "
            f"{rules.max_rejected_in_a_row} refused challengers in a row it fails instead: a person has to look.",
            _alerts(spec),
            f"Every decision: `airworthy ledger {spec.model}`. Reports and curves: the champion's run in MLflow, "
            "folder `monitoring`.",
        ]
    )


def _alerts(spec: ModelSpec) -> str:
    rules = spec.alerts
    limits = (
        ("a champion whose data ended more than {} ago", rules.champion_max_age),
        ("no new data for more than {}", rules.data_max_delay),
        ("a run that has not succeeded {} after it was queued", rules.late_after),
    )
    kinds = "; ".join(
        words.format(format_duration(limit)) for words, limit in limits if limit is not None
    )
    return (
        f"By the environment's channels people are told of drift and trips, and of {kinds}."
        if kinds
        else ""
    )
