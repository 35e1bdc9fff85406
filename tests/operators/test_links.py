"""Buttons on task pages: each leads to its page, on Airflow's own origin wherever it can."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airworthy_airflow import operators
from airworthy_airflow.links import ALL_LINKS, ModelPageLink

MODEL, RUN = "delivery_eta", "manual__2026-03-20T02:00:00+00:00"
EVIDENCE = f"/airworthy/evidence/{MODEL}/manual__2026-03-20T02%3A00%3A00%2B00%3A00"
PAGE = {"Model page": f"/airworthy/models/{MODEL}"}
VERSION = {"MLflow version": f"http://mlflow.test/#/models/{MODEL}/versions/7"}
JUDGED = {
    "Model report": f"{EVIDENCE}/report.html",
    "Verdict": f"{EVIDENCE}/verdict.json",
    "MLflow run": "http://mlflow.test/#/runs/abc",
}
HANDED = {"challenger": {"mlflow_run_id": "abc"}, "verdict": {"gates": []}}


@pytest.fixture(autouse=True)
def _mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRWORTHY_MLFLOW_URL", "http://mlflow.test")


def shown(operator: BaseOperator) -> dict[str, str]:
    """Return name -> address of the buttons that a task shows."""
    key: Any = None  # a link asks the task alone
    found = {
        link.name: link.get_link(operator, ti_key=key) for link in operator.operator_extra_links
    }
    return {name: address for name, address in found.items() if address}


def ended(name: str, inputs: Any = None, output: Any = None, **kwargs: Any) -> BaseOperator:
    """Return a task after its end."""
    operator = getattr(operators, name)(task_id="task", model=MODEL, inputs=inputs or {}, **kwargs)
    operator.stage_output, operator.evidence_folder = output or {}, RUN
    return operator  # type: ignore[no-any-return]


DRAWN = {"report": f"s3://bucket/lake/{MODEL}/evidence/{RUN}/skew.html"}
SKEW = {"Evidently report": f"{EVIDENCE}/skew.html"}
ENDED: list[tuple[BaseOperator, dict[str, str]]] = [
    (ended("IngestOperator"), PAGE),
    (ended("ValidateOperator"), {**PAGE, "Data Docs": f"{EVIDENCE}/data_docs"}),
    (ended("TrainOperator", output={"mlflow_run_id": "abc"}), {**PAGE, "MLflow run": JUDGED["MLflow run"]}),
    (ended("EvaluateOperator", {"challenger": HANDED["challenger"]}, {"gates": []}), {**PAGE, **JUDGED}),
    (ended("RegisterOperator", HANDED, {"version": "7"}), {**PAGE, **JUDGED, **VERSION}),
    (ended("DeployProductionOperator", {**HANDED, "version": {"version": "7"}}), {**PAGE, **JUDGED, **VERSION}),
    (ended("CheckSkewOperator", output=DRAWN), {**PAGE, **SKEW}),
    (ended("CheckDriftOperator", output={"report": None}), PAGE),
    (ended("DecideOperator", {"skew": DRAWN}, {"champion": "7"}), {**PAGE, **VERSION, **SKEW}),
    (ended("DecideOperator", output={"champion": None}), PAGE),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "expected"), ENDED)
def test_a_task_has_the_buttons_of_its_pages_and_no_other(
    operator: BaseOperator, expected: dict[str, str]
) -> None:
    """A page that the task has not got to has no button."""
    assert shown(operator) == expected


def test_a_failed_validation_leads_to_its_data_docs() -> None:
    """Its reader needs them most. The task has no output then."""
    run = SimpleNamespace(
        run_type="manual", run_after=datetime(2026, 3, 20, tzinfo=UTC), run_id=RUN, dag_id="d"
    )
    context: Any = {"dag_run": run, "params": {}}
    operator = operators.ValidateOperator(task_id="validate", model=MODEL)
    assert shown(operator) == PAGE
    with pytest.raises(AirflowFailException):
        operator.execute(context)
    assert shown(operator)["Data Docs"] == f"{EVIDENCE}/data_docs"


def test_inputs_that_were_not_read_yet_break_no_button() -> None:
    """A task that ends before its inputs are read still shows the model's page."""
    with DAG("d"):
        trained = operators.TrainOperator(task_id="train", model=MODEL)
        operator = ended("EvaluateOperator", {"challenger": trained.output})
    assert shown(operator) == PAGE


def test_a_path_before_airflow_stands_before_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow may be served below a path of its host. The host is the one that a person came by."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://host.example/flows/")
    key: Any = None
    link = ModelPageLink().get_link(ended("IngestOperator"), ti_key=key)
    assert link == f"/flows/airworthy/models/{MODEL}"


def test_airflow_knows_each_button() -> None:
    """A button that the plugin does not register is not shown."""
    names = {link.name for operator, _ in ENDED for link in operator.operator_extra_links}
    assert names == {link.name for link in ALL_LINKS}
