"""Releases a version, then runs the model's monitor DAG twice as of the same day; prints JSON. In
its own process.
"""

from __future__ import annotations

import json
import os
import sys


def main(folder: str, model: str, trained: str, monitored: str) -> None:
    """Run the train DAG as of one day, and the monitor DAG as of another.

    Args:
        folder: The DAG files.
        model: The model's name.
        trained: The train run's day.
        monitored: The monitor run's day.
    """
    from airflow.dag_processing.dagbag import DagBag

    from airworthy.environment import load_environment
    from airworthy.ledger import open_ledger
    from airworthy.serving.in_process_server import running_server

    dags, environment = DagBag(folder).dags, load_environment()
    with running_server(environment) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = server.url
        dags[f"{model}__train"].test(run_conf={"as_of": trained})
        runs = [dags[f"{model}__monitor"].test(run_conf={"as_of": monitored}) for _ in range(2)]
    ends = [{task.task_id: str(task.state) for task in run.get_task_instances()} for run in runs]
    entries = open_ledger(environment, model).entries()
    decisions = [entry.content for entry in entries if entry.kind == "drift_decision"]
    print(
        json.dumps(
            {"states": [str(run.state) for run in runs], "tasks": ends, "decisions": decisions}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
