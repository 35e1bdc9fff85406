"""Reads DAG files as Airflow does and prints the result as JSON. Run in its own process."""

from __future__ import annotations

import json
import sys
from typing import Any

HEAVY = (
    "pandas", "numpy", "polars", "pyarrow", "deltalake", "xgboost", "sklearn", "mlflow", "great_expectations",
    "evidently", "optuna", "matplotlib", "openlineage", "slack_sdk", "aiosmtplib", "airflow_client",
)  # fmt: skip


def main(folder: str) -> None:
    """Parse every DAG file of a folder; Airflow's own imports are not counted."""
    from airflow.dag_processing.dagbag import DagBag

    before = {name for name in HEAVY if name in sys.modules}
    bag = DagBag(folder)
    result = {
        "heavy": sorted({name for name in HEAVY if name in sys.modules} - before),
        "errors": {str(path): error for path, error in bag.import_errors.items()},
        "dags": {dag_id: describe(dag) for dag_id, dag in bag.dags.items()},
    }
    print(json.dumps(result))


def describe(dag: Any) -> dict[str, object]:
    """Return a DAG's tested properties."""
    return {
        "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "retries": sorted({task.retries for task in dag.tasks}),
        "owner": dag.owner,
        "tags": sorted(dag.tags),
        "schedule": type(dag.timetable).__name__,
        "catchup": dag.catchup,
        "paused_at_first": dag.is_paused_upon_creation,
        "doc": dag.doc_md,
        "deadline": [alert.interval.total_seconds() for alert in dag.deadline or []],
        "params": dag.params.dump(),
        "documented": all(task.doc_md for task in dag.tasks),
    }


if __name__ == "__main__":
    main(sys.argv[1])
