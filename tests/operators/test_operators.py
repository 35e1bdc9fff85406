"""The operators: a stage's inputs, and Airflow's answer to a stage's errors and a held release."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import DagRun
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.handover import RunRequest
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AlertRaised
from airworthy.ledger.ledger_queries import of_kind
from airworthy.spec import load_spec
from airworthy_airflow.dag_factories.monitor_dag import build_monitor_dag
from airworthy_airflow.dag_factories.rollback_dag import build_rollback_dag
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.dag_factories.watch_dag import build_drill_dag
from airworthy_airflow.operators import DeployStagingOperator, IngestOperator
from airworthy_airflow.operators.stage_operator import StageOperator, request_of

MODEL = "delivery_eta"
GATE = {
    "gate": "rmse", "outcome": "fail", "value": 9.0, "threshold": 6.0, "n": 500, "reason": "9 (at most 6 allowed)",
}  # fmt: skip
VERDICT: dict[str, Any] = {
    "model": MODEL, "run_id": "r", "mlflow_run_id": "m", "dataset_digest": "d", "outcome": "pass", "releasable": True,
    "champion_version": None, "metrics": {"challenger": {"rmse": 1.0}}, "gates": [], "holdout_rows": 500,
}  # fmt: skip
VERSION = {
    "model": MODEL, "version": "3", "model_uri": "u", "bundle_digest": "b", "validation_status": "approved",
    "created": True,
}  # fmt: skip


def context(run_type: str = "manual", **params: Any) -> Any:
    """Return the context of a task in a run without a logical date."""
    moment = datetime(2026, 3, 20, 8, tzinfo=UTC)
    run = DagRun.model_validate(
        {
            "dag_id": f"{MODEL}__train",
            "run_id": "run-1",
            "logical_date": None,
            "data_interval_start": None,
            "data_interval_end": None,
            "run_after": moment,
            "start_date": moment,
            "end_date": None,
            "run_type": run_type,
            "state": "running",
            "triggering_user_name": "ada",
            "consumed_asset_events": [],
            "partition_key": None,
        }
    )
    return {
        "dag_run": run,
        "params": {"as_of": None, "reason": None, "parameters": {}, "promote": "auto", **params},
    }


def staging(**changes: Any) -> DeployStagingOperator:
    """Return a staging operator with an approved version and a changed verdict."""
    inputs: Any = {"verdict": {**VERDICT, **changes}, "version": VERSION}
    return DeployStagingOperator(task_id="deploy_staging", model=MODEL, inputs=inputs)


def test_the_request_says_who_asked_for_what_and_why(environment: Environment) -> None:
    """Every stage gets the run's id, its day, its reason, its user and its overrides; the same in
    each task.
    """
    given = context(as_of="2026-03-01", reason="api", parameters={"max_depth": 3}, promote="never")
    request = request_of(given, MODEL)
    assert request == RunRequest(
        model=MODEL,
        as_of=datetime(2026, 3, 1, tzinfo=UTC),
        reason="api",
        run_id="run-1",
        dag_id=f"{MODEL}__train",
        requested_by="ada",
        requested_by_proof="airflow",
        parameters={"max_depth": 3},
        promote="never",
    )
    assert request_of(given, MODEL) == request


def test_bad_input_fails_without_a_retry_and_without_a_traceback(environment: Environment) -> None:
    """A terminal error becomes Airflow's exception without retries; the stage's frames stay out of
    the log.
    """
    operator = IngestOperator(task_id="ingest", model=MODEL)
    with pytest.raises(
        AirflowFailException, match="no data, or days that are not complete"
    ) as failure:
        operator.execute(context(as_of="2001-01-01"))
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


def test_a_broken_spec_fails_the_task_with_its_faults(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spec broken after the reading of the DAG is reported by the task, by key."""
    (tmp_path / "models" / MODEL).mkdir(parents=True)
    (tmp_path / "models" / MODEL / "model.yaml").write_text(
        f"model: {MODEL}\nfly: true\n", encoding="utf-8"
    )
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    with pytest.raises(AirflowFailException, match="fly"):
        IngestOperator(task_id="ingest", model=MODEL).execute(context())


def test_a_failure_that_may_pass_is_left_to_airflows_retries(environment: Environment) -> None:
    """A transient error becomes a plain AirflowException, and the operator asks for retries."""

    class Unreachable(StageOperator):
        stage = "ingest"

        def run_stage(self, run: RunRequest, context: Any) -> dict[str, Any]:
            raise TransientError("the source does not answer", model=run.model, stage="ingest")

    operator = Unreachable(task_id="ingest", model=MODEL)
    with pytest.raises(AirflowException, match="does not answer") as failure:
        operator.execute(context())
    assert not isinstance(failure.value, AirflowFailException)
    assert operator.retries == 2


@pytest.mark.parametrize(
    ("build", "known"),
    [
        (lambda spec, environment: build_train_dag(spec, environment), "promote"),
        (lambda spec, environment: build_monitor_dag(spec, environment), "as_of"),
        (lambda spec, _: build_rollback_dag(spec), "to_version"),
        (lambda spec, _: build_drill_dag(spec, "@daily"), "none"),
    ],
    ids=["train", "monitor", "rollback", "drill"],
)
def test_an_unknown_key_of_a_run_is_refused_with_those_that_there_are(
    environment: Environment, build: Any, known: str
) -> None:
    """A slip in a key would change nothing in silence. The first task says so, and tries once."""
    spec = load_spec(environment.models / MODEL / "model.yaml")
    dag, given = build(spec, environment), context()
    given["dag_run"].conf = {"as_off": "2026-03-01"}
    given["dag"] = dag
    with pytest.raises(TerminalError, match=f"{dag.dag_id} does not know: as_off") as failure:
        request_of(given, MODEL)
    assert known in str(failure.value.allowed)
    given["dag_run"].conf = dict.fromkeys(dag.params)
    assert request_of(given, MODEL).run_id == "run-1"


@pytest.mark.parametrize("value", [{"parameters": [1]}, {"promote": "perhaps"}])
def test_a_wrong_value_of_a_run_is_refused_before_anything_runs(
    environment: Environment, value: dict[str, Any]
) -> None:
    """The name of the parameter is in the message."""
    with pytest.raises(TerminalError, match=f"parameter {next(iter(value))} is not right"):
        request_of(context(**value), MODEL)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (KeyError("minutes"), AirflowFailException),
        (MemoryError(), AirflowFailException),
        (OSError(28, "No space left on device"), AirflowException),
        (ConnectionResetError(104, "reset"), AirflowException),
        (AirflowSkipException("held"), AirflowSkipException),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (AirflowTaskTimeout(), AirflowTaskTimeout),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_any_fault_in_a_task_is_final_or_worth_a_retry_and_airflows_own_pass(
    environment: Environment, fault: BaseException, outcome: type[BaseException]
) -> None:
    """An unforeseen fault is tried once; an interruption stays what it is."""

    class Faulty(StageOperator):
        stage = "ingest"

        def run_stage(self, run: RunRequest, context: Any) -> dict[str, Any]:
            raise fault

    with pytest.raises(outcome) as failure:
        Faulty(task_id="ingest", model=MODEL).execute(context())
    assert type(failure.value) is outcome


@pytest.mark.parametrize(
    ("changes", "given", "reason", "told"),
    [
        (
            {"releasable": False, "outcome": "fail", "gates": [GATE]},
            context(),
            "9 (at most 6 allowed)",
            ["rejected"],
        ),
        ({}, context(promote="never"), "never", []),
        ({}, context("backfill"), "backfill", []),
        ({}, context("backfill", reason="manual"), "backfill", []),
        (
            {"releasable": False, "outcome": "fail", "gates": [GATE]},
            context(promote="always"),
            "9 (at most 6 allowed)",
            ["rejected"],
        ),
    ],
    ids=[
        "failed gate",
        "never",
        "backfill",
        "backfill in disguise",
        "always does not overrule a gate",
    ],
)
def test_a_held_release_is_skipped_with_its_reason(
    environment: Environment, changes: dict[str, Any], given: Any, reason: str, told: list[str]
) -> None:
    """A held release is a skip with its reason: the run ends well.

    People are told once of a refused challenger, and of nothing that somebody asked for.
    """
    given = {**given, "ti": SimpleNamespace(log_url="http://airflow/task")}
    for _ in range(2):
        with pytest.raises(AirflowSkipException) as skip:
            staging(**changes).execute(given)
    assert reason in str(skip.value)
    raised = of_kind(open_ledger(environment, MODEL).entries(), AlertRaised)
    assert [entry.event.alert["kind"] for entry in raised] == told
    assert all(reason in str(entry.event.alert["text"]) for entry in raised)


@pytest.mark.parametrize(
    "given", [context(), context("backfill", promote="always")], ids=["auto", "asked backfill"]
)
def test_a_release_that_may_happen_reaches_the_stage(environment: Environment, given: Any) -> None:
    """A passing verdict goes on to the stage, here without its dataset."""
    with pytest.raises(AirflowFailException, match="lacks 'dataset'"):
        staging().execute(given)
