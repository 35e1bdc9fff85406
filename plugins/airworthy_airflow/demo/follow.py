"""Shows the tasks of a run while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from airflow_client.client import TaskInstanceResponse
from rich.console import Console
from rich.live import Live
from rich.table import Table

from airworthy.errors import TerminalError
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.runs import failed_logs, wait_for_run

RUN_WITHIN_SECONDS = 900
ORDERS: Mapping[str, tuple[str, ...]] = {
    "train": (
        "ingest", "validate", "train", "evaluate", "register", "release.deploy_staging", "release.deploy_production",
    ),
    "monitor": (
        "collect", "check_data", "check_skew", "check_drift", "check_performance", "decide", "trigger_retraining",
    ),
}  # fmt: skip
"""The tasks to show first, by the part of the DAG's id after ``__``. Others are shown below these."""
_STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "yellow",
    "up_for_retry": "yellow",
}
Tasks = list[TaskInstanceResponse]


def follow_run(airflow: AirflowApi, dag_id: str, run_id: str, console: Console) -> None:
    """Show every task of a run until it ends.

    Args:
        airflow: The Airflow of the run.
        dag_id: The DAG.
        run_id: The run.
        console: The console: one table on a terminal, lines elsewhere.

    Raises:
        TerminalError: when the run fails. It has the failed task's log.
    """
    order = ORDERS[dag_id.rpartition("__")[2]]
    display, watch = (
        _live(console, order) if console.is_terminal else (nullcontext(), _lines(console, order))
    )
    with display:
        state = wait_for_run(
            airflow, dag_id, run_id, within_seconds=RUN_WITHIN_SECONDS, watch=watch
        )
    if state != "success":
        raise TerminalError(
            f"the run failed\n{failed_logs(airflow, dag_id, run_id)}",
            received=f"{dag_id} {run_id}: {state}",
            next_step="read the log above; the task's page in Airflow's UI has it too",
        )


def _live(
    console: Console, order: tuple[str, ...]
) -> tuple[AbstractContextManager[Any], Callable[[Tasks], None]]:
    live = Live(_table([], order), console=console, refresh_per_second=8)
    return live, lambda tasks: live.update(_table(tasks, order))


def _table(tasks: Tasks, order: tuple[str, ...]) -> Table:
    rows = dict.fromkeys(order) | {task.task_id: task for task in tasks}
    table = Table("task", "state", "try", "seconds", box=None)
    for name, task in rows.items():
        state = _state(task)
        tries = "" if task is None else str(task.try_number or "")
        seconds = "" if task is None or task.duration is None else f"{task.duration:.1f}"
        table.add_row(name, f"[{_STYLES.get(state, 'dim')}]{state}", tries, seconds)
    return table


def _lines(console: Console, order: tuple[str, ...]) -> Callable[[Tasks], None]:
    shown: dict[str, str] = {}

    def watch(tasks: Tasks) -> None:
        for task in sorted(tasks, key=lambda task: [*order, task.task_id].index(task.task_id)):
            state = _state(task)
            if state not in ("waiting", "scheduled", "queued", shown.get(task.task_id)):
                shown[task.task_id] = state
                seconds = "" if task.duration is None else f"  {task.duration:.1f} s"
                console.print(f"  {task.task_id:26} {state}{seconds}", highlight=False)

    return watch


def _state(task: TaskInstanceResponse | None) -> str:
    return "waiting" if task is None or task.state is None else task.state.value
