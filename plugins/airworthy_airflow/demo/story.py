"""The demo in two acts: a model is trained, released and used; the source of another one changes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console

from airworthy.errors import TerminalError, TransientError
from airworthy.gates.verdict_table import verdict_table
from airworthy.handover import DatasetRef, Verdict
from airworthy_airflow.airflow_api import AirflowApi
from airworthy_airflow.demo.follow import follow_run
from airworthy_airflow.demo.runs import return_value, start_run
from airworthy_airflow.demo.second_act import SecondAct, SecondActResult
from airworthy_airflow.demo.text import quality_table, say, shift_table
from airworthy_airflow.stack.control import addresses
from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets

MODEL, CHANGING = "delivery_eta", "delivery_drift"


def play(layout: Layout, console: Console) -> None:
    """Play both acts on a stack that is up, and sum up.

    Raises:
        TerminalError: when a run fails, the server does not predict, or the second act takes
            another course.
        TransientError: when a part cannot be reached.
    """
    airflow = AirflowApi(layout.url("airflow"), USER, ensure_secrets(layout).password)
    say(console, "\n== First act: a model is trained, judged and released")
    example = first_act(airflow, layout.url("server"), console)
    say(console, f"\n== Second act: the world of {CHANGING} changes")
    result = SecondAct(CHANGING, airflow, layout.url("server"), console).play()
    say(console, f"\n{summary(layout, result)}\n\n{addresses(layout)}\n\n{_next(layout, example)}")


def first_act(airflow: AirflowApi, server: str, console: Console, token: str | None = None) -> str:
    """Train and release the demo's model and ask it for predictions. Return the address of its example.

    Args:
        airflow: The Airflow to train in.
        server: The model server's address.
        console: The console for the texts.
        token: A client's token; None: the server asks for none.
    """
    dag_id = f"{MODEL}__train"
    run_id = start_run(airflow, dag_id, {"reason": "api"})
    say(console, f"Started {dag_id} over Airflow's REST API: run {run_id}")
    follow_run(airflow, dag_id, run_id, console)
    dataset = DatasetRef.model_validate(return_value(airflow, dag_id, run_id, "ingest"))
    verdict = Verdict.model_validate(return_value(airflow, dag_id, run_id, "evaluate"))
    example, answer = predict(server, token)
    say(
        console,
        f"\nData      {dataset.rows:,} rows of {dataset.window}, {dataset.quarantined:,} in quarantine",
    )
    say(console, f"          digest {dataset.digest}")
    say(console, f"\n{verdict_table(verdict)}")
    values = ", ".join(f"{value:.4g}" for value in answer["predictions"][:5])
    say(
        console,
        f"\nServed    {MODEL} version {answer['version']} answers {len(answer['predictions'])} rows: {values}",
    )
    return example


def predict(server: str, token: str | None = None) -> tuple[str, dict[str, Any]]:
    """Send the served model its own example. Return the example's address and the answer.

    The answer has the version, and the address of the replica when a proxy says it.

    Args:
        server: The server's address.
        token: A client's token; None: the server asks for none.

    Raises:
        TerminalError: when the answer is no prediction.
        TransientError: when the server cannot be reached.
    """
    example = f"{server}/models/{MODEL}/example"
    try:
        sent = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(timeout=30.0, trust_env=False, headers=sent) as http:
            body = http.get(example)
            answer = http.post(f"{server}/models/{MODEL}/invocations", json=body.json())
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise TransientError(
            f"the model server cannot be reached: {error}", received=server, next_step="make status"
        ) from None
    if answer.status_code != 200 or not answer.json().get("predictions"):
        raise TerminalError(
            "the model server did not predict",
            received=f"{answer.status_code}: {answer.text[:500]}",
        )
    told = {"version": "x-model-version", "replica": "x-replica"}
    headers = {name: answer.headers.get(header) for name, header in told.items()}
    return example, {**headers, **answer.json()}


def summary(layout: Layout, result: SecondActResult) -> str:
    """Return the second act's figures and the addresses of their evidence."""
    from airworthy.cli.ledger_lines import ledger_line

    decision, skew = result.decision, result.skew
    return "\n".join(
        [
            f"Answers of {decision.model} that went out, against the labels that came in "
            f"(the world changed on {result.change}):",
            quality_table(result.phases),
            "",
            f"What had moved by {decision.window_start:%Y-%m-%d}, against {skew.reference}:",
            shift_table(skew, result.ignored),
            "",
            f"Reason    {decision.told}",
            f"Evidence  {_monitor_page(layout, result)}",
            f"          {layout.url('mlflow')}/#/models/{decision.model}/versions/{decision.champion}"
            "   (its run: folder monitoring)",
            f"          {skew.report}   (Evidently's page)",
            "Ledger",
            *(ledger_line(entry) for entry in result.entries),
        ]
    )


def _monitor_page(layout: Layout, result: SecondActResult) -> str:
    return f"{layout.url('airflow')}/dags/{result.decision.model}__monitor/runs/{quote(result.monitor_run, safe='')}"


def _next(layout: Layout, example: str) -> str:
    invocations = f"{layout.url('server')}/models/{MODEL}/invocations"
    return "\n".join(
        [
            "Next:",
            f"  curl -s {example} | curl -s -X POST {invocations} -H 'content-type: application/json' -d @-",
            f"  {layout.url('airflow')}/dags/{MODEL}__train   the run, its tasks, a form to start another",
            f"  {layout.url('airflow')}/dags/{CHANGING}__monitor   what the monitor looked at and decided",
            f"  {layout.url('mlflow')}/#/models/{MODEL}   the versions and their evidence "
            f"(login: {USER} / {ensure_secrets(layout).mlflow_password})",
            f"  source {layout.env_file}; airworthy ledger {CHANGING}; airworthy lineage {CHANGING}@champion",
            "  make demo                                  lives through the next change",
            "  make down                                  stops everything",
        ]
    )
