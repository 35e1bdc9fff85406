"""Releases two versions of a model, then runs its rollback DAG beside a real model server; prints
JSON.
"""

from __future__ import annotations

import json
import os
import sys


def main(folder: str, model: str, conf: str) -> None:
    """Run the train DAG for each day, then the rollback DAG with a configuration.

    Args:
        folder: The DAG files.
        model: The model's name.
        conf: The configuration, as JSON.
    """
    from airflow.dag_processing.dagbag import DagBag

    from airworthy.environment import load_environment
    from airworthy.ledger import open_ledger
    from airworthy.release.open_server import open_server
    from airworthy.serving.in_process_server import running_server
    from airworthy.traffic.current_traffic import current_champion

    dags = DagBag(folder).dags
    environment = load_environment()
    with running_server(environment) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = server.url
        trained = [str(dags[f"{model}__train"].test(run_conf={"as_of": day}).state) for day in DAYS]
        rolled_back = dags[f"{model}__rollback"].test(run_conf=json.loads(conf))
        state = str(rolled_back.state)
        with open_server(load_environment()) as client:
            served = client.describe(model)["version"]
    moves = [
        entry.content
        for entry in open_ledger(environment, model).entries()
        if entry.kind == "rollback"
    ]
    print(
        json.dumps(
            {
                "trained": trained,
                "state": state,
                "served": served,
                "rollbacks": moves,
                "champion": current_champion(environment, model),
            }
        )
    )


DAYS = ("2026-03-20", "2026-03-21")

if __name__ == "__main__":
    main(*sys.argv[1:])
