"""Releases a version, then runs the model's score DAG for some days; prints JSON. In its own
process.
"""

from __future__ import annotations

import json
import os
import sys


def main(folder: str, model: str, trained: str, *scored: str) -> None:
    """Run the train DAG as of one day, and the score DAG as of others, one after the other.

    Args:
        folder: The DAG files.
        model: The model's name.
        trained: The train run's day.
        *scored: The score runs' days.
    """
    from airflow.dag_processing.dagbag import DagBag

    from airworthy.batch_scoring.score_table import BatchPredictions
    from airworthy.environment import load_environment
    from airworthy.serving.in_process_server import running_server

    dags, environment = DagBag(folder).dags, load_environment()
    score = dags[f"{model}__score"]
    before = score.test(run_conf={"as_of": scored[0]})
    with running_server(environment) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = server.url
        dags[f"{model}__train"].test(run_conf={"as_of": trained})
    runs = [score.test(run_conf={"as_of": day}) for day in scored]
    history = [
        record.model_dump(mode="json") for record in BatchPredictions(environment, model).history()
    ]
    result = {
        "before": {task.task_id: str(task.state) for task in before.get_task_instances()},
        "states": [str(run.state) for run in runs],
        "runs": [run.run_id for run in runs],
        "history": history,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
