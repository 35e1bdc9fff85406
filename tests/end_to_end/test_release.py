"""A release through the real scheduler: approval, rejection, silence, guarded steps, forgery.

Tests run in the order written: each starts with the champion of the test before it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
import pytest
import yaml
from airflow_client.client import (
    AssetApi,
    DagRunApi,
    DAGRunPatchBody,
    DAGRunResponse,
    HITLDetail,
    HITLUser,
    PatchTaskInstanceBody,
    TaskInstanceApi,
    UpdateHITLDetailPayload,
)

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.lake import open_lake
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import (
    AlertRaised,
    ApprovalAnswered,
    GuardTrip,
    LedgerEvent,
    RolloutStep,
    RolloutStopped,
)
from airworthy.ledger.ledger_queries import of_kind
from airworthy.release.rollout_flags import read_rollout
from airworthy.traffic.current_traffic import current_traffic
from airworthy_airflow.demo.runs import wait_for_dag
from airworthy_airflow.stack.secret_keys import USER, ensure_secrets

from .conftest import PROJECT, RUN_SECONDS, wait_until
from .traffic import traffic

if TYPE_CHECKING:
    from .conftest import Stack

_Event = TypeVar("_Event", bound=LedgerEvent)

MODEL = "gated"
DAG = f"{MODEL}__train"
DAY = date(2026, 3, 20)
APPROVE = "release.approve"
STEPS = ("release.rollout_shadow", "release.rollout_50")
AFTER = (*STEPS, "release.deploy_production")


def start(stack: Stack, days: int) -> str:
    """Start a run as of so many days after the first; return its id."""
    return stack.start(MODEL, as_of=(DAY + timedelta(days=days)).isoformat())


def wait_for_question(stack: Stack, run_id: str) -> HITLDetail:
    """Wait until the run asks for its approval; return the question."""
    log = stack.layout.logs / "scheduler.log"
    # The state alone would do for a person. An answer within the same second can meet a scheduler
    # that has not yet seen the asking process end: it takes the answered task for a killed one, and
    # the question is asked again.
    finished = f"TaskInstance Finished: dag_id={DAG}, task_id={APPROVE}, run_id={run_id}"
    wait_until(
        "the approval to be asked for",
        lambda: finished in log.read_text(encoding="utf-8"),
        RUN_SECONDS,
    )
    return TaskInstanceApi(stack.airflow).get_hitl_detail(DAG, run_id, APPROVE, -1)


def answer(stack: Stack, run_id: str, option: str, **inputs: str) -> None:
    """Answer the run's question, as the stack's user.

    Args:
        stack: The running stack.
        run_id: The run's id.
        option: The chosen option.
        **inputs: Fields of the form.
    """
    body = UpdateHITLDetailPayload(chosen_options=[option], params_input=inputs)
    TaskInstanceApi(stack.airflow).update_hitl_detail(DAG, run_id, APPROVE, -1, body)


def approve_by_command(stack: Stack, folder: Path, version: str) -> str:
    """Log in to the stack's Airflow and approve a version on the command line; return the output.

    Args:
        stack: The running stack.
        folder: Gets a home, and a project whose environment names this Airflow.
        version: The version.
    """
    shipped = PROJECT / "include" / "environments" / "local.yaml"
    settings = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    file = folder / "include" / "environments" / "local.yaml"
    file.parent.mkdir(parents=True)
    settings["airflow_url"] = stack.layout.url("airflow")
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    home = {"AIRWORTHY_PROJECT": str(folder), "XDG_CONFIG_HOME": str(folder), "LOGNAME": "alice"}
    password = ensure_secrets(stack.layout).password
    for words in (["login", "--user", USER], ["release", MODEL, version, "--approve", "seen"]):
        done = subprocess.run(
            [sys.executable, "-m", "airworthy", *words],
            env={**os.environ, **home},
            input=password,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return done.stdout


def mark_as_done(stack: Stack, run_id: str, task_id: str) -> None:
    """Mark a task as a success by hand, as people do in the UI.

    Args:
        stack: The running stack.
        run_id: The run's id.
        task_id: The task's id.
    """
    TaskInstanceApi(stack.airflow).patch_task_instance(
        DAG, run_id, task_id, PatchTaskInstanceBody(new_state="success")
    )


def release_states(stack: Stack, run_id: str) -> list[str | None]:
    """Return the states of the tasks after the approval."""
    states = stack.states(MODEL, run_id)
    return [states[task] for task in AFTER]


def entries(run_id: str, kind: type[_Event]) -> list[Entry[_Event]]:
    """Return the ledger's entries of one kind from a run."""
    every = open_ledger(load_environment(), MODEL).entries()
    return [entry for entry in of_kind(every, kind) if entry.run_id == run_id]


def change_spec(**release: Any) -> None:
    """Change the release part of the model's spec, as an engineer would: in its file."""
    path: Path = load_environment().models / MODEL / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["release"].update(release)
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")


def waits(stack: Stack, run_id: str, task_id: str) -> bool:
    """Return whether a task is rescheduled: it then holds no worker.

    Args:
        stack: The running stack.
        run_id: The run's id.
        task_id: The task's id.
    """
    return bool(stack.task(MODEL, run_id, task_id).state == "up_for_reschedule")


def rows(stack: Stack, run_id: str) -> pl.DataFrame:
    """Return the rows of a run's newest day."""
    dataset = DatasetRef.model_validate(stack.stage_output(MODEL, run_id, "ingest"))
    return open_lake(load_environment(), MODEL).read_partition(
        dataset, date.fromisoformat(max(dataset.partitions))
    )


def alert_kinds(run_id: str) -> list[str]:
    """Return the kinds of a run's alerts, in order."""
    return [str(entry.event.alert["kind"]) for entry in entries(run_id, AlertRaised)]


def users_runs(stack: Stack, dag_id: str) -> list[DAGRunResponse]:
    """Return the runs of a user's own DAG; see ``users_dags.py``."""
    return DagRunApi(stack.airflow).get_dag_runs(dag_id, limit=100).dag_runs


def champion_events(stack: Stack) -> list[tuple[str, str]]:
    """Return the run and the version of each event of the champion's asset, oldest first."""
    events = AssetApi(stack.airflow).get_asset_events(
        name_pattern=f"airworthy://{MODEL}/champion", order_by=["timestamp"]
    )
    return [
        (str(event.source_run_id), str((event.extra or {})["version"]))
        for event in events.asset_events
    ]


def test_an_approved_version_becomes_champion(stack: Stack) -> None:
    """The question has the facts; answer and person are in the ledger; the version serves.

    A user's own DAG runs once, and another one for each day that came into the lake.
    """
    wait_for_dag(stack.airflow, "users_on_champion", RUN_SECONDS)
    wait_for_dag(stack.airflow, "users_on_day", RUN_SECONDS)
    run_id = start(stack, 0)
    question = wait_for_question(stack, run_id)
    version = stack.stage_output(MODEL, run_id, "register")["version"]
    assert f"{MODEL} version {version}" in str(question.subject)
    assert "| gate | outcome |" in str(question.body)
    assert f"/airworthy/evidence/{MODEL}/" in str(question.body)
    assert list(question.params or {}) == ["comment"]
    assert stack.served_version(MODEL) is None
    answer(stack, run_id, "Approve", comment="the first one")
    assert stack.finish(MODEL, run_id) == "success"
    assert stack.served_version(MODEL) == version
    [approval] = entries(run_id, ApprovalAnswered)
    assert (approval.who, approval.event.decision, approval.event.comment) == (
        "admin",
        "approve",
        "the first one",
    )
    assert approval.event.version == version
    inputs = stack.stage_output(MODEL, run_id, APPROVE)
    assert (inputs["version"], inputs["who"]) == (version, "admin")
    assert alert_kinds(run_id) == ["approval_waiting", "promoted"]
    wait_until("the user's DAG", lambda: users_runs(stack, "users_on_champion"), RUN_SECONDS)
    assert champion_events(stack) == [(run_id, version)]
    days = set(stack.stage_output(MODEL, run_id, "ingest")["partitions"])
    wait_until(
        "a run for each day",
        lambda: {run.partition_key for run in users_runs(stack, "users_on_day")} == days,
        RUN_SECONDS,
    )


def test_a_version_takes_over_step_by_step_under_load(stack: Stack, tmp_path: Path) -> None:
    """In shadow nobody sees its answers, at 50 % some do, at the end everybody; no request fails.

    Between two polls a step is rescheduled: it then holds no worker. The command line answers the
    run's own question, as the person who logged in to Airflow.
    """
    [first] = [run.dag_run_id for run in stack.runs(MODEL)]
    champion = stack.served_version(MODEL)
    run_id = start(stack, 1)
    wait_for_question(stack, run_id)
    version = stack.stage_output(MODEL, run_id, "register")["version"]
    with traffic(stack.layout.url("server"), MODEL, rows(stack, first)) as answers:
        told = approve_by_command(stack, tmp_path, version)
        assert f"approved by {USER} in Airflow, whose run {DAG}/{run_id} goes on" in told
        for step in STEPS:
            wait_until(
                f"{step} to wait",
                partial(waits, stack, run_id, step),
                RUN_SECONDS,
            )
            assert stack.served_version(MODEL) == champion
        assert stack.finish(MODEL, run_id) == "success"
    [approval] = entries(run_id, ApprovalAnswered)
    assert (approval.who, approval.proved_by, approval.event.comment) == (USER, "airflow", "seen")
    assert answers.failures == []
    assert set(answers.versions) == {champion, version}
    assert stack.served_version(MODEL) == version
    assert [entry.event.state for entry in entries(run_id, RolloutStep)] == [
        "begun",
        "done",
    ] * len(STEPS)
    environment = load_environment()
    assert current_traffic(environment, MODEL).rollout is None
    assert read_rollout(environment.flags_file, MODEL) is None
    log = stack.log(MODEL, run_id, STEPS[1])
    assert f"challenger version {version}: " in log
    assert stack.states(MODEL, run_id)["release.end_rollout"] == "success"


def test_rejection_and_forgery_leave_the_champion(stack: Stack) -> None:
    """A rejection skips all later tasks, with its comment on record; tasks marked by hand approve
    nothing.
    """
    champion = stack.served_version(MODEL)
    rejected, forged = (start(stack, days) for days in (2, 3))
    for run_id in (rejected, forged):
        wait_for_question(stack, run_id)
    answer(stack, rejected, "Reject", comment="not on a Friday")
    # The last step first: a step starts as soon as the one before it is done.
    for task in (*reversed(STEPS), APPROVE):
        mark_as_done(stack, forged, task)
    assert [stack.finish(MODEL, run_id) for run_id in (rejected, forged)] == ["success", "success"]
    assert release_states(stack, rejected) == ["skipped"] * len(AFTER)
    assert stack.states(MODEL, rejected)[APPROVE] == "success"
    [entry] = entries(rejected, ApprovalAnswered)
    assert (entry.who, entry.event.decision, entry.event.comment) == (
        "admin",
        "reject",
        "not on a Friday",
    )
    assert "not on a Friday" in stack.log(MODEL, rejected, APPROVE)
    assert alert_kinds(rejected) == ["approval_waiting", "rejected"]
    assert alert_kinds(forged) == ["approval_waiting", "held"]
    assert release_states(stack, forged) == ["success", "success", "skipped"]
    assert "the ledger has no approval" in stack.log(MODEL, forged, AFTER[-1])
    assert entries(forged, ApprovalAnswered) == []
    assert stack.served_version(MODEL) == champion


def test_a_forged_approval_gets_no_traffic_either(stack: Stack) -> None:
    """With the approval alone marked by hand, the first step of the rollout is held: not even a
    shadow.
    """
    champion = stack.served_version(MODEL)
    run_id = start(stack, 3)
    wait_for_question(stack, run_id)
    mark_as_done(stack, run_id, APPROVE)
    assert stack.finish(MODEL, run_id) == "success"
    assert release_states(stack, run_id) == ["skipped"] * len(AFTER)
    assert "the ledger has no approval" in stack.log(MODEL, run_id, STEPS[0])
    assert entries(run_id, RolloutStep) == []
    assert stack.served_version(MODEL) == champion


def test_silence_and_strangers_approve_nothing(stack: Stack) -> None:
    """A stranger among the approvers is refused; and no answer in time is a rejection.

    People are reminded before.
    """
    champion = stack.served_version(MODEL)
    change_spec(approvers=["the-board"], approval_timeout="60s")
    run_id = start(stack, 2)
    question = wait_for_question(stack, run_id)
    assert question.assigned_users == [HITLUser(id="the-board", name="the-board")]
    with pytest.raises(TerminalError) as refusal:
        answer(stack, run_id, "Approve")
    assert "is not a respondent" in str(refusal.value.received)
    assert stack.finish(MODEL, run_id) == "success"
    assert release_states(stack, run_id) == ["skipped"] * len(AFTER)
    [entry] = entries(run_id, ApprovalAnswered)
    assert (entry.who, entry.event.decision) == ("nobody", "timeout")
    told = alert_kinds(run_id)
    assert (told[0], told[-1]) == ("approval_waiting", "approval_expired")
    assert set(told[1:-1]) == {"approval_reminder"}
    assert stack.served_version(MODEL) == champion


def test_a_rollout_that_is_stopped_by_hand_is_not_left_on(stack: Stack) -> None:
    """Somebody marks the run as failed in the middle of a step: all traffic goes back to the
    champion.
    """
    champion, environment = stack.served_version(MODEL), load_environment()
    change_spec(approvers=[], approval_timeout="1d", bake="1d")
    run_id = start(stack, 4)
    wait_for_question(stack, run_id)
    answer(stack, run_id, "Approve")
    wait_until(
        "the step to begin", lambda: current_traffic(environment, MODEL).rollout, RUN_SECONDS
    )
    wait_until(
        "a pause",
        partial(waits, stack, run_id, STEPS[0]),
        RUN_SECONDS,
    )
    DagRunApi(stack.airflow).patch_dag_run(DAG, run_id, DAGRunPatchBody(state="failed"))
    assert stack.end(MODEL, run_id) == "failed"
    assert current_traffic(environment, MODEL).rollout is None
    assert read_rollout(environment.flags_file, MODEL) is None
    assert "the run failed at release.rollout_shadow" in stack.log(
        MODEL, run_id, "release.end_rollout"
    )
    [entry] = entries(run_id, RolloutStopped)
    assert entry.event.champion == stack.served_version(MODEL) == champion


def test_a_guard_that_trips_fails_the_run_and_the_champion_keeps_all(stack: Stack) -> None:
    """A latency over the spec's limit ends the rollout in its first step: recorded, visible, nobody
    hurt.
    """
    [first, *_] = sorted(run.dag_run_id for run in stack.runs(MODEL))
    champion = stack.served_version(MODEL)
    change_spec(guard={"p99_ms": 0.001}, bake="40s")
    run_id = start(stack, 4)
    wait_for_question(stack, run_id)
    with traffic(stack.layout.url("server"), MODEL, rows(stack, first)) as answers:
        answer(stack, run_id, "Approve")
        assert stack.end(MODEL, run_id) == "failed"
    assert release_states(stack, run_id) == ["failed", "upstream_failed", "upstream_failed"]
    # Not its number of tries: the scheduler may take a task that has just failed for a killed one.
    assert "the champion has all of the traffic" in stack.log(MODEL, run_id, STEPS[0])
    [trip] = entries(run_id, GuardTrip)
    assert "p99" in trip.event.reasons[0]
    _, raised = entries(run_id, AlertRaised)
    assert (raised.event.alert["kind"], raised.event.told) == ("guard_trip", [])
    assert answers.failures == []
    assert set(answers.versions) == {champion}
    assert stack.served_version(MODEL) == champion


def test_a_users_dag_has_run_once_for_each_move_of_the_champion(stack: Stack) -> None:
    """Two versions took over; a rejection, a forgery, silence, a stop and a trip moved nothing."""
    promoted = [
        run.dag_run_id
        for run in sorted(stack.runs(MODEL), key=lambda run: str(run.queued_at))
        if "promoted" in alert_kinds(run.dag_run_id)
    ]
    assert [run_id for run_id, _ in champion_events(stack)] == promoted
    assert len(users_runs(stack, "users_on_champion")) == len(promoted) == 2
