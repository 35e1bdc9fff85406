"""Releases two versions of a model, then runs its rollback DAG beside a real model server; prints
JSON.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main(folder: str, model: str, *confs: str) -> None:
    """Run the train DAG for each day, then the rollback DAG with each configuration.

    Args:
        folder: The DAG files.
        model: The model's name.
        *confs: The configurations, as JSON.
    """
    from airflow.dag_processing.dagbag import DagBag

    from airworthy.environment import load_environment
    from airworthy.serving.in_process_server import running_server

    dags = DagBag(folder).dags
    with running_server(load_environment()) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = server.url
        trained = [str(dags[f"{model}__train"].test(run_conf={"as_of": day}).state) for day in DAYS]
        # A run renders its task's fields in place: the next one needs a DAG of its own.
        runs = [
            rolled_back(DagBag(folder).dags[f"{model}__rollback"], model, json.loads(conf))
            for conf in confs
        ]
    print(json.dumps({"trained": trained, "runs": runs}))


def rolled_back(dag: Any, model: str, conf: dict[str, Any]) -> dict[str, Any]:
    """Run the rollback DAG, and return the run's end and what serves after it.

    Args:
        dag: The rollback DAG.
        model: The model's name.
        conf: The run's configuration.
    """
    from airworthy.environment import load_environment
    from airworthy.ledger import open_ledger
    from airworthy.release.open_server import open_server
    from airworthy.traffic.current_traffic import current_champion

    state = str(dag.test(run_conf=conf).state)
    environment = load_environment()
    with open_server(environment) as client:
        served = client.describe(model)["version"]
    entries = open_ledger(environment, model).entries()
    return {
        "state": state,
        "served": served,
        "champion": current_champion(environment, model),
        "rollbacks": [entry.content for entry in entries if entry.kind == "rollback"],
    }


DAYS = ("2026-03-20", "2026-03-21")

if __name__ == "__main__":
    main(*sys.argv[1:])
