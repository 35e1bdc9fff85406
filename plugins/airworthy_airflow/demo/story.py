"""The demo's story: a train run, predictions from the served model, and what to look at next."""

from __future__ import annotations

from typing import Any

import httpx
from rich.console import Console

from airworthy.errors import TerminalError, TransientError
from airworthy.gates.report import verdict_table
from airworthy.handover import DatasetRef, Verdict
from airworthy_airflow.demo.train_run import follow_run, start_run
from airworthy_airflow.rest import AirflowClient
from airworthy_airflow.stack.control import addresses
from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets

MODEL = "delivery_eta"


def tell(layout: Layout, console: Console) -> None:
    """Train and release the demo's model on a stack that is up, ask it for predictions, and sum up.

    Raises:
        TerminalError: when the run fails, or the server does not answer with predictions.
        TransientError: when a part cannot be reached.
    """
    dag_id = f"{MODEL}__train"
    with AirflowClient(layout.url("airflow"), USER, ensure_secrets(layout).password) as airflow:
        run_id = start_run(airflow, dag_id)
        _say(console, f"\nStarted {dag_id} over Airflow's REST API: run {run_id}")
        follow_run(airflow, dag_id, run_id, console)
        dataset = DatasetRef.model_validate(airflow.xcom(dag_id, run_id, "ingest"))
        verdict = Verdict.model_validate(airflow.xcom(dag_id, run_id, "evaluate"))
    example, answer = predict(layout)
    _say(console, f"\nData      {dataset.rows:,} rows of {dataset.window}, {dataset.quarantined:,} in quarantine")
    _say(console, f"          digest {dataset.digest}")
    _say(console, f"\n{verdict_table(verdict)}")
    values = ", ".join(f"{value:.4g}" for value in answer["predictions"][:5])
    _say(
        console, f"\nServed    {MODEL} version {answer['version']} answers {len(answer['predictions'])} rows: {values}"
    )
    _say(console, f"\n{addresses(layout)}\n\n{_next(layout, example)}")


def predict(layout: Layout) -> tuple[str, dict[str, Any]]:
    """Send the served model its own example; return where the example is and the answer.

    Raises:
        TerminalError: when the answer is no prediction.
        TransientError: when the server cannot be reached.
    """
    example = f"{layout.url('server')}/models/{MODEL}/example"
    try:
        with httpx.Client(timeout=30.0, trust_env=False) as http:
            body = http.get(example)
            answer = http.post(f"{layout.url('server')}/models/{MODEL}/invocations", json=body.json())
    except httpx.HTTPError as error:
        raise TransientError(f"the model server cannot be reached: {error}", next_step="make status") from None
    if answer.status_code != 200 or not answer.json().get("predictions"):
        raise TerminalError("the model server did not predict", received=f"{answer.status_code}: {answer.text[:500]}")
    return example, {"version": answer.headers.get("x-model-version"), **answer.json()}


def _next(layout: Layout, example: str) -> str:
    invocations = f"{layout.url('server')}/models/{MODEL}/invocations"
    dag_id = f"{MODEL}__train"
    return "\n".join(
        [
            "Next:",
            f"  curl -s {example} | curl -s -X POST {invocations} -H 'content-type: application/json' -d @-",
            f"  {layout.url('airflow')}/dags/{dag_id}   the run, its tasks, a form to start another",
            f"  {layout.url('mlflow')}/#/models/{MODEL}   the versions and their evidence",
            "  make down                                  stops everything",
        ]
    )


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
