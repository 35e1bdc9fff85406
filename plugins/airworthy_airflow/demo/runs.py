"""Starting a model's DAGs over the REST API and showing a run's tasks as they go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from airworthy.errors import TerminalError, TransientError
from airworthy_airflow.rest import FINISHED, AirflowClient

RUN_WITHIN_SECONDS = 900
DAG_WITHIN_SECONDS = 90
ORDERS: Mapping[str, tuple[str, ...]] = {
    "train": (
        "ingest", "validate", "train", "evaluate", "register", "release.deploy_staging", "release.deploy_production",
    ),
    "monitor": (
        "collect", "check_data", "check_skew", "check_drift", "check_performance", "decide", "trigger_retraining",
    ),
}  # fmt: skip
"""The tasks to show of a DAG, by what follows ``__`` in its id; further ones are shown below these."""
_STYLES = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "yellow", "up_for_retry": "yellow"}
Tasks = list[dict[str, Any]]


def wait_for_dag(airflow: AirflowClient, dag_id: str) -> dict[str, Any]:
    """Return the DAG once Airflow has read it.

    Raises:
        TransientError: when it does not show in time; with the import errors that there are.
    """
    deadline = time.monotonic() + DAG_WITHIN_SECONDS
    while (dag := airflow.dag(dag_id)) is None:
        if time.monotonic() > deadline:
            errors = "\n".join(str(error["stack_trace"]) for error in airflow.import_errors())
            raise TransientError(
                f"Airflow has not read {dag_id} within {DAG_WITHIN_SECONDS} s", received=errors or "no import errors",
                next_step="airworthy check",
            )  # fmt: skip
        time.sleep(0.5)
    return dag


def start_run(airflow: AirflowClient, dag_id: str, conf: Mapping[str, str]) -> str:
    """Start a run by hand and unpause the DAG; return the run's id.

    A scheduled DAG that is unpaused gets a run of its latest interval at once. Taken by this run, it does not get a
    second one. A run that was asked for in the same words and is still going on is taken up instead.
    """
    dag = wait_for_dag(airflow, dag_id)
    unfinished = [run for run in airflow.runs(dag_id) if run["state"] not in FINISHED and run["conf"] == conf]
    if unfinished:
        run_id = str(unfinished[-1]["dag_run_id"])
    elif dag["is_paused"] and dag["next_dagrun_logical_date"] is not None:
        interval = (dag["next_dagrun_data_interval_start"], dag["next_dagrun_data_interval_end"])
        run_id = airflow.trigger(dag_id, conf, logical_date=dag["next_dagrun_logical_date"], interval=interval)
    else:
        run_id = airflow.trigger(dag_id, conf)
    airflow.unpause(dag_id)
    return run_id


def follow_run(airflow: AirflowClient, dag_id: str, run_id: str, console: Console) -> None:
    """Show every task of a run until it ends.

    Raises:
        TerminalError: when the run fails; with the failing task's log.
    """
    order = ORDERS[dag_id.rpartition("__")[2]]
    shown, watch = _live(console, order) if console.is_terminal else (nullcontext(), _lines(console, order))
    with shown:
        state = airflow.wait_for_run(dag_id, run_id, within_seconds=RUN_WITHIN_SECONDS, watch=watch)
    if state != "success":
        raise TerminalError(
            f"the run failed\n{_failing_log(airflow, dag_id, run_id)}", received=f"{dag_id} {run_id}: {state}",
            next_step="read the log above; the task's page in Airflow's UI has it too",
        )  # fmt: skip


def _live(console: Console, order: tuple[str, ...]) -> tuple[AbstractContextManager[Any], Callable[[Tasks], None]]:
    live = Live(_table([], order), console=console, refresh_per_second=8)
    return live, lambda tasks: live.update(_table(tasks, order))


def _table(tasks: Tasks, order: tuple[str, ...]) -> Table:
    found: dict[str, dict[str, Any]] = {name: {} for name in order} | {task["task_id"]: task for task in tasks}
    table = Table("task", "state", "try", "seconds", box=None)
    for name, task in found.items():
        state, duration = task.get("state") or "waiting", task.get("duration")
        seconds = "" if duration is None else f"{duration:.1f}"
        table.add_row(name, f"[{_STYLES.get(state, 'dim')}]{state}", str(task.get("try_number") or ""), seconds)
    return table


def _lines(console: Console, order: tuple[str, ...]) -> Callable[[Tasks], None]:
    seen: dict[str, str] = {}

    def watch(tasks: Tasks) -> None:
        for task in sorted(tasks, key=lambda task: [*order, task["task_id"]].index(task["task_id"])):
            state = task["state"] or "waiting"
            if state not in ("waiting", "scheduled", "queued", seen.get(task["task_id"])):
                seen[task["task_id"]] = state
                seconds = "" if task["duration"] is None else f"  {task['duration']:.1f} s"
                console.print(f"  {task['task_id']:26} {state}{seconds}", highlight=False)

    return watch


def _failing_log(airflow: AirflowClient, dag_id: str, run_id: str) -> str:
    failed = [task for task in airflow.tasks(dag_id, run_id) if task["state"] == "failed"]
    return "\n\n".join(
        f"log of {task['task_id']}:\n{airflow.log(dag_id, run_id, task['task_id'], task['try_number'])}"
        for task in failed
    )
