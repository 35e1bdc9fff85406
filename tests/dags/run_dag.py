"""Runs one DAG with ``dag.test()`` beside a real model server; prints the run's end as JSON. In its
own process.
"""

from __future__ import annotations

import json
import os
import sys


def main(folder: str, dag_id: str, conf: str) -> None:
    """Run the DAG with a configuration.

    Args:
        folder: The DAG files.
        dag_id: The DAG.
        conf: The configuration, as JSON.
    """
    from airflow.dag_processing.dagbag import DagBag

    from airworthy.environment import load_environment
    from airworthy.serving.in_process_server import running_server

    dag = DagBag(folder).dags[dag_id]
    with running_server(load_environment()) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = server.url
        run = dag.test(run_conf=json.loads(conf))
        states = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
    print(json.dumps({"state": str(run.state), "tasks": states}))


if __name__ == "__main__":
    main(*sys.argv[1:])
