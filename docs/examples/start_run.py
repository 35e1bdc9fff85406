"""Starts a run of a DAG with Airflow's official Python client, and prints its id and state.

``python docs/examples/start_run.py rents__train``, in a shell with ``source .airworthy/env``.
"""

import json
import os
import sys
from pathlib import Path

import httpx
from airflow_client.client import ApiClient, Configuration, DagRunApi, TriggerDAGRunPostBody

ADDRESS = os.environ.get("AIRFLOW__API__BASE_URL", "http://localhost:8080")
PASSWORDS = Path(".airworthy/stack/passwords.json")


def token() -> str:
    """Return a token for the user `admin`."""
    password = json.loads(PASSWORDS.read_text(encoding="utf-8"))["admin"]
    login = {"username": "admin", "password": password}
    answer = httpx.post(f"{ADDRESS}/auth/token", json=login).raise_for_status()
    return str(answer.json()["access_token"])


def main(dag_id: str) -> None:
    """Start the run."""
    with ApiClient(Configuration(host=ADDRESS, access_token=token())) as client:
        runs = DagRunApi(client)
        body = TriggerDAGRunPostBody(logical_date=None, conf={"reason": "api"})
        started = runs.trigger_dag_run(dag_id, body)
        print(started.dag_run_id, runs.get_dag_run(dag_id, started.dag_run_id).state.value)


if __name__ == "__main__":
    main(sys.argv[1])
