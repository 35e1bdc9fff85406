"""Starts a model's DAGs over the REST API, waits for their runs and reads their results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from airflow_client.client import (
    DAGApi,
    DAGPatchBody,
    DAGResponse,
    DagRunApi,
    ImportErrorApi,
    TaskInstanceApi,
    TaskInstanceResponse,
    TriggerDAGRunPostBody,
    XComApi,
)

from airworthy.errors import TerminalError, TransientError
from airworthy_airflow.airflow_api import AirflowApi

DAG_WITHIN_SECONDS = 90
FINISHED = frozenset({"success", "failed"})


def wait_for_dag(
    airflow: AirflowApi, dag_id: str, within_seconds: float = DAG_WITHIN_SECONDS
) -> DAGResponse:
    """Return the DAG once Airflow has read it.

    Args:
        airflow: Where it is to show.
        dag_id: The DAG.
        within_seconds: How long to wait.

    Raises:
        TransientError: when it does not show in time; with the import errors that there are.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        # Asked for by its id, a DAG that is not known yet would be an error.
        for dag in DAGApi(airflow).get_dags(dag_id_prefix_pattern=dag_id).dags:
            if dag.dag_id == dag_id:
                return dag
        if time.monotonic() > deadline:
            errors = "\n".join(
                error.stack_trace
                for error in ImportErrorApi(airflow).get_import_errors().import_errors
            )
            raise TransientError(
                f"Airflow has not read {dag_id} within {within_seconds:.0f} s",
                received=errors or "no import errors",
                next_step="airworthy check",
            )
        time.sleep(0.5)


def trigger_run(airflow: AirflowApi, dag_id: str, conf: Mapping[str, Any]) -> str:
    """Start a run by hand and unpause the DAG; return the run's id.

    A scheduled DAG that is unpaused gets a run of its latest interval at once. Taken by this run,
    it does not get a second one.

    Args:
        airflow: Where to start it.
        dag_id: The DAG.
        conf: The run's parameters.
    """
    dag = wait_for_dag(airflow, dag_id)
    body = TriggerDAGRunPostBody(conf=dict(conf))
    if dag.is_paused and dag.next_dagrun_logical_date is not None:
        body.logical_date = dag.next_dagrun_logical_date
        body.data_interval_start = dag.next_dagrun_data_interval_start
        body.data_interval_end = dag.next_dagrun_data_interval_end
    run_id = DagRunApi(airflow).trigger_dag_run(dag_id, body).dag_run_id
    DAGApi(airflow).patch_dag(dag_id, DAGPatchBody(is_paused=False))
    return run_id


def start_run(airflow: AirflowApi, dag_id: str, conf: Mapping[str, str]) -> str:
    """Start a run as `trigger_run` does, or take up a running one with the same parameters.

    Args:
        airflow: Where to start it.
        dag_id: The DAG.
        conf: The run's parameters.
    """
    wait_for_dag(airflow, dag_id)
    runs = DagRunApi(airflow).get_dag_runs(dag_id, limit=100).dag_runs
    unfinished = [run for run in runs if run.state not in FINISHED and run.conf == conf]
    if not unfinished:
        return trigger_run(airflow, dag_id, conf)
    DAGApi(airflow).patch_dag(dag_id, DAGPatchBody(is_paused=False))
    return unfinished[-1].dag_run_id


def wait_for_run(
    airflow: AirflowApi,
    dag_id: str,
    run_id: str,
    *,
    within_seconds: float,
    watch: Callable[[list[TaskInstanceResponse]], None] | None = None,
) -> str:
    """Wait until a run has finished and return its state.

    Args:
        airflow: Where it runs.
        dag_id: Its DAG.
        run_id: The run.
        within_seconds: How long to wait.
        watch: Gets the run's task instances at every look.

    Raises:
        TransientError: when it has not finished in time.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        state = DagRunApi(airflow).get_dag_run(dag_id, run_id).state.value
        if watch is not None:
            watch(task_instances(airflow, dag_id, run_id))
        if state in FINISHED:
            return state
        if time.monotonic() > deadline:
            raise TransientError(
                f"the run has not finished within {within_seconds:.0f} s",
                received=f"{dag_id} {run_id}: {state}",
                next_step="look at the run in Airflow's UI",
            )
        time.sleep(0.3)


def task_instances(airflow: AirflowApi, dag_id: str, run_id: str) -> list[TaskInstanceResponse]:
    """Return a run's task instances.

    Args:
        airflow: The Airflow of the run.
        dag_id: The DAG.
        run_id: The run.
    """
    return TaskInstanceApi(airflow).get_task_instances(dag_id, run_id).task_instances


def return_value(airflow: AirflowApi, dag_id: str, run_id: str, task_id: str) -> Any:
    """Return the output of a task.

    Args:
        airflow: The Airflow of the run.
        dag_id: The DAG.
        run_id: The run.
        task_id: The task.
    """
    entry = XComApi(airflow).get_xcom_entry(dag_id, task_id, run_id, "return_value")
    if entry.actual_instance is None:
        raise TerminalError(
            "the task has no output",
            received=f"{dag_id} {run_id} {task_id}",
            next_step="look at the task in Airflow's UI",
        )
    return entry.actual_instance.value


def failed_logs(airflow: AirflowApi, dag_id: str, run_id: str) -> str:
    """Return the logs of a run's failed tasks.

    Args:
        airflow: The Airflow of the run.
        dag_id: The DAG.
        run_id: The run.
    """
    failed = [task for task in task_instances(airflow, dag_id, run_id) if task.state == "failed"]
    return "\n\n".join(f"log of {task.task_id}:\n{task_log(airflow, task)}" for task in failed)


def task_log(airflow: AirflowApi, task: TaskInstanceResponse) -> str:
    """Return the log of a task's last try as text, one event a line."""
    # The official client's model of an event keeps nothing but its time and text. Errors stand in
    # further keys.
    answer = TaskInstanceApi(airflow).get_log_without_preload_content(
        task.dag_id, task.dag_run_id, task.task_id, task.try_number, full_content=True
    )
    return "\n".join(_log_line(event) for event in json.loads(answer.data)["content"])


def _log_line(event: str | Mapping[str, Any]) -> str:
    if isinstance(event, str):
        return event
    details = [f"{key}={event[key]}" for key in ("reason", "exit_code") if key in event]
    errors = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in event.get("error_detail") or []]
    return " ".join(
        [str(event.get("timestamp", ""))[:19], str(event.get("event", "")), *details, *errors]
    ).strip()
