"""Releases two watched versions, the second one bad, then runs the watch DAG until nothing is left
to watch, beside a real model server; prints JSON. The releases are the stages without Airflow.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main(folder: str, model: str) -> None:
    """Release a version of each day, run the drill, fail requests, run the watch DAG twice.

    Args:
        folder: The DAG files.
        model: The model's name.
    """
    import httpx
    from airflow.dag_processing.dagbag import DagBag

    from airworthy.environment import load_environment
    from airworthy.ledger import open_ledger
    from airworthy.serving.in_process_server import running_server
    from airworthy.traffic.current_traffic import current_champion

    dags = DagBag(folder).dags
    environment = load_environment()
    with running_server(environment) as server:
        os.environ["AIRWORTHY_SERVER_URL"] = server.url
        released = [_release(model, day) for day in DAYS]
        drilled = str(dags[f"{model}__rollback_drill"].test().state)
        body = httpx.get(f"{server.url}/models/{model}/example").json()["dataframe_split"]
        row = dict(zip(body["columns"], body["data"][0], strict=True)) | {
            "courier_experience_days": 1e9
        }
        bad = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
        failed = [
            httpx.post(f"{server.url}/models/{model}/invocations", json=bad).status_code
            for _ in range(20)
        ]
        watched = [_states(dags[f"{model}__watch"].test()) for _ in range(2)]
    entries = open_ledger(environment, model).entries()
    kinds = [entry.kind for entry in entries]
    print(
        json.dumps(
            {
                "released": released,
                "drilled": drilled,
                "failed": failed,
                "watched": watched,
                "told": [
                    entry.content["alert"]["kind"] for entry in entries if entry.kind == "alert"
                ],
                "champion": current_champion(environment, model),
                "kinds": [kind for kind in kinds if not kind.startswith("candidate")],
            }
        )
    )


def _release(model: str, day: str) -> bool:
    from airworthy.handover.catalogue import STAGES
    from airworthy.stages import run_stage

    payload: dict[str, Any] = {
        "run": {"model": model, "as_of": f"{day}T00:00:00Z", "reason": "manual", "run_id": day}
    }
    for name, stage in STAGES.items():
        payload[stage.output] = run_stage(name, payload)
    return bool(payload["deployment"]["promoted"])


def _states(run: object) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}  # type: ignore[attr-defined]


DAYS = ("2026-03-20", "2026-03-21")

if __name__ == "__main__":
    main(*sys.argv[1:])
